#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

/* Write man/gradus-NOUN-VERB.1 of every command and completion/gradus.bash into the folder;
 * NULL: nothing was named.  Prints what is wrong and returns the exit code. */
int manual_write(const char *dir);

#endif /* CLI_MANUAL_H */
