#ifndef BASE_LOG_H
#define BASE_LOG_H

/* Four levels that say who is wrong: DEBUG and INFO nobody, ODD the world or a peer,
 * FAULT we did.  One line per call on stderr: time level area message key=value...
 * Pure layers never log.  Thread safe. */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_ODD, LOG_FAULT };

void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* BASE_LOG_H */
