#ifndef CLI_STOP_H
#define CLI_STOP_H

#include <signal.h>

/* Catch SIGTERM and SIGINT: the flag becomes 1, long-running commands end in order. */
const volatile sig_atomic_t *stop_catch(void);

#endif /* CLI_STOP_H */
