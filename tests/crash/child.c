#include "tests/crash/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/crash/faults.h"
#include "tests/crash/life.h"

enum { PATH_SIZE = 1024 };

static int wait_for(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return CHILD_CRASHED;
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGKILL ? CHILD_KILLED : CHILD_CRASHED;
    }
    return WEXITSTATUS(status);
}

int child_live(const char *dir, uint64_t blocks)
{
    const pid_t child = fork();
    if (child == 0) {
        log_set_level(LOG_FAULT);
        faults->armed = true;
        _exit(life_run(dir, blocks));
    }
    const int answer = wait_for(child);
    faults->armed = false;
    return answer;
}

int child_check(const char *dir, bool after_damage)
{
    faults->armed = false;
    faults->text[0] = '\0';
    const pid_t child = fork();
    if (child == 0) {
        log_set_level(LOG_FAULT);
        _exit(life_check(dir, after_damage));
    }
    const int answer = wait_for(child);
    return answer == CHILD_KILLED ? CHILD_CRASHED : answer;
}

/* ---- Folders ----------------------------------------------------------------------------- */

static const char *const folders[] = {"journal", "sign", "chain.db", "state.db"};
enum { FOLDER_COUNT = sizeof(folders) / sizeof(folders[0]) };

static bool file_copy(const char *from, const char *to)
{
    uint8_t bytes[1 << 16];
    const int in = open(from, O_RDONLY);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got = in < 0 || out < 0 ? -1 : read(in, bytes, sizeof(bytes));
    while (got > 0 && write(out, bytes, (size_t)got) == got) {
        got = read(in, bytes, sizeof(bytes));
    }
    (void)close(in);
    (void)close(out);
    return got == 0;
}

static bool folder_copy(const char *from, const char *to)
{
    bool done = mkdir(to, 0700) == 0;
    DIR *stream = opendir(from);
    for (struct dirent *entry = stream == NULL ? NULL : readdir(stream); done && entry != NULL;
         entry = readdir(stream)) {
        char source[PATH_SIZE + 300];
        char target[PATH_SIZE + 300];
        (void)snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
        (void)snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
        done = entry->d_name[0] == '.' || file_copy(source, target);
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
    return done;
}

bool folders_copy(const char *from, const char *to)
{
    bool done = true;
    for (size_t i = 0; done && i < FOLDER_COUNT; i++) {
        char source[PATH_SIZE];
        char target[PATH_SIZE];
        (void)snprintf(source, sizeof(source), "%s/%s", from, folders[i]);
        (void)snprintf(target, sizeof(target), "%s/%s", to, folders[i]);
        done = folder_copy(source, target);
    }
    return done;
}

void folders_remove(const char *dir)
{
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        char folder[PATH_SIZE];
        (void)snprintf(folder, sizeof(folder), "%s/%s", dir, folders[i]);
        DIR *stream = opendir(folder);
        if (stream == NULL) {
            continue;
        }
        for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
            (void)unlinkat(dirfd(stream), entry->d_name, 0);
        }
        (void)closedir(stream);
        (void)rmdir(folder);
    }
}
