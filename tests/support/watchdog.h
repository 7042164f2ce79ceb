#ifndef TESTS_SUPPORT_WATCHDOG_H
#define TESTS_SUPPORT_WATCHDOG_H

/* For tests that can hang in threads that are not ours: when the process still runs after
 * so many seconds, the stack of each of its threads is written to stderr, once, and goes
 * where ctest keeps the output of what it then ends for its time-out.  The seconds are to be
 * fewer than that time-out.  Addresses of the program itself are for addr2line. */
void watchdog_start(unsigned seconds);

#endif /* TESTS_SUPPORT_WATCHDOG_H */
