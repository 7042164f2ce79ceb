#include "tests/crash/faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/random.h"

enum { PATH_SIZE = 1024 };

struct faults *faults;

void faults_make(void)
{
    void *memory =
        mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        abort();
    }
    faults = memory;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

enum fault_class faults_class(const char *path)
{
    if (strstr(path, "/journal/") != NULL) {
        return CLASS_JOURNAL;
    }
    if (strstr(path, "/sign/") != NULL) {
        return CLASS_SIGN;
    }
    if (ends_with(path, ".sst")) {
        return CLASS_TABLE;
    }
    if (strstr(path, "/MANIFEST-") != NULL) {
        return CLASS_MANIFEST;
    }
    if (ends_with(path, ".log")) {
        return strstr(path, "/chain.db/") != NULL ? CLASS_CHAIN_LOG : CLASS_STATE_LOG;
    }
    return CLASS_OTHER;
}

static enum fault_class class_of(int fd)
{
    char link[64];
    char path[PATH_SIZE];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, sizeof(path) - 1);
    path[size < 0 ? 0 : size] = '\0';
    return faults_class(path);
}

static _Noreturn void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

/* Is it this call's turn? */
static bool due(enum fault_action action, uint32_t where)
{
    if (faults == NULL || !faults->armed || faults->plan.action != action ||
        faults->plan.where != where) {
        return false;
    }
    const bool now = atomic_fetch_add(&faults->count, 1) == faults->plan.nth;
    if (now) {
        atomic_store(&faults->met, true);
    }
    return now;
}

void faults_step(enum step step)
{
    if (due(KILL_AT_STEP, step) || due(POWER_AT_STEP, step)) {
        die();
    }
}

/* ---- What the C library would do ---------------------------------------------------------- */

static ssize_t real_write(int fd, const void *data, size_t size, off_t at)
{
    return at < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, at);
}

static ssize_t write_at(int fd, const void *data, size_t size, off_t at)
{
    if (faults == NULL || !faults->armed) {
        return real_write(fd, data, size, at);
    }
    const enum fault_class where = class_of(fd);
    if (due(KILL_BEFORE_WRITE, where)) {
        die();
    }
    if (due(KILL_IN_WRITE, where)) {
        (void)real_write(fd, data, size / 2, at);
        die();
    }
    if (due(SHORT_WRITE, where) && size > 1) {
        return real_write(fd, data, size / 2, at);
    }
    if (due(FAIL_WRITE, where)) {
        errno = EIO;
        return -1;
    }
    if (faults->plan.action == STAYS_FULL && atomic_load(&faults->met)) {
        errno = ENOSPC;
        return -1;
    }
    if (due(FAIL_FULL, where) || due(STAYS_FULL, where)) {
        (void)real_write(fd, data, size / 2, at);
        errno = ENOSPC;
        return -1;
    }
    return real_write(fd, data, size, at);
}

/* These take the place of the C library's, also for RocksDB. */
ssize_t faults_write(int fd, const void *data, size_t size) __asm__("write");
ssize_t faults_pwrite(int fd, const void *data, size_t size, off_t at) __asm__("pwrite");
int faults_fsync(int fd) __asm__("fsync");
int faults_fdatasync(int fd) __asm__("fdatasync");

ssize_t faults_write(int fd, const void *data, size_t size)
{
    return write_at(fd, data, size, -1);
}

ssize_t faults_pwrite(int fd, const void *data, size_t size, off_t at)
{
    return write_at(fd, data, size, at);
}

static void remember(ino_t inode, off_t size)
{
    const uint32_t index = atomic_fetch_add(&faults->file_count, 1);
    if (index >= FAULT_FILES_MAX) {
        abort();
    }
    faults->files[index] = (struct durable){.inode = inode, .size = size};
}

static int sync_file(int fd)
{
    struct stat state;
    if (faults == NULL || !faults->armed) {
        return 0;
    }
    const enum fault_class where = class_of(fd);
    if (due(KILL_BEFORE_SYNC, where) || due(POWER_BEFORE_SYNC, where)) {
        die();
    }
    if (due(FAIL_SYNC, where)) {
        errno = EIO;
        return -1;
    }
    if (fstat(fd, &state) == 0 && S_ISREG(state.st_mode)) {
        remember(state.st_ino, state.st_size);
    }
    if (due(POWER_AFTER_SYNC, where)) {
        die();
    }
    return 0;
}

int faults_fsync(int fd)
{
    return sync_file(fd);
}

int faults_fdatasync(int fd)
{
    return sync_file(fd);
}

/* ---- Power ---------------------------------------------------------------------------------- */

typedef void visit_file(const char *path, const struct stat *state, void *context);

static void each_in(const char *folder, visit_file *visit, void *context)
{
    DIR *stream = opendir(folder);
    if (stream == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        char path[PATH_SIZE + 300];
        struct stat state;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (lstat(path, &state) == 0 && S_ISREG(state.st_mode)) {
            visit(path, &state, context);
        }
    }
    (void)closedir(stream);
}

/* The files of dir's folders. */
static void each_file(const char *dir, visit_file *visit, void *context)
{
    static const char *const folders[] = {"journal", "sign", "chain.db", "state.db"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char folder[PATH_SIZE];
        (void)snprintf(folder, sizeof(folder), "%s/%s", dir, folders[i]);
        each_in(folder, visit, context);
    }
}

static void settle_file(const char *path, const struct stat *state, void *context)
{
    (void)path;
    (void)context;
    remember(state->st_ino, state->st_size);
}

void faults_settle(const char *dir)
{
    atomic_store(&faults->file_count, 0);
    each_file(dir, settle_file, NULL);
}

static void cut_file(const char *path, const struct stat *state, void *context)
{
    uint64_t *seed = context;
    off_t kept = 0;
    bool known = false;
    for (uint32_t i = 0; i < atomic_load(&faults->file_count); i++) {
        if (faults->files[i].inode == state->st_ino) {
            kept = faults->files[i].size;
            known = true;
        }
    }
    if (!known && random_below(seed, 2) == 0) {
        (void)unlink(path); /* not even its name */
        return;
    }
    if (state->st_size > kept) {
        /* Mostly nothing of the rest, sometimes some of it. */
        const uint64_t rest = (uint64_t)(state->st_size - kept);
        const uint64_t more = random_below(seed, 3) == 0 ? random_below(seed, rest + 1) : 0;
        if (truncate(path, kept + (off_t)more) != 0) {
            abort();
        }
    }
}

void faults_cut_power(const char *dir, uint64_t *seed)
{
    each_file(dir, cut_file, seed);
}
