#include "tests/support/watchdog.h"

#include <dirent.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES_MAX = 64, TURN_MS = 200 };

static unsigned patience_s;

static void stack_tell(int number)
{
    void *frames[FRAMES_MAX];
    (void)number;
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
}

static void rest(time_t seconds, long ms)
{
    const struct timespec time = {.tv_sec = seconds, .tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

static void thread_tell(long thread)
{
    char path[64];
    char name[32] = "?\n";
    (void)snprintf(path, sizeof(path), "/proc/self/task/%ld/comm", thread);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        (void)fgets(name, sizeof(name), file);
        (void)fclose(file);
    }
    (void)fprintf(stderr, "-- thread %ld %s", thread, name);
    (void)syscall(SYS_tgkill, (long)getpid(), thread, (long)SIGUSR2);
    rest(0, TURN_MS); /* so that the stacks do not mix */
}

static void *watch(void *arg)
{
    (void)arg;
    rest((time_t)patience_s, 0);
    (void)fprintf(stderr, "-- still running after %u s\n", patience_s);
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task = tasks == NULL ? NULL : readdir(tasks);
    while (task != NULL) {
        const long thread = strtol(task->d_name, NULL, 10);
        if (thread > 0) {
            thread_tell(thread);
        }
        task = readdir(tasks);
    }
    if (tasks != NULL) {
        (void)closedir(tasks);
    }
    return NULL;
}

void watchdog_start(unsigned seconds)
{
    const struct sigaction action = {.sa_handler = stack_tell, .sa_flags = SA_RESTART};
    void *frames[1];
    pthread_t thread;
    (void)backtrace(frames, 1); /* loads what it needs, which a handler may not */
    patience_s = seconds;
    if (sigaction(SIGUSR2, &action, NULL) == 0 && pthread_create(&thread, NULL, watch, NULL) == 0) {
        (void)pthread_detach(thread);
    }
}
