#ifndef TESTS_SUPPORT_DIRECTORY_H
#define TESTS_SUPPORT_DIRECTORY_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory of a test's own, gone at the end with its files and those of
 * its folders. */

enum { DIRECTORY_PATH_MAX = 512 };

struct directory {
    char path[DIRECTORY_PATH_MAX];
};

static inline bool directory_make(struct directory *directory)
{
    (void)snprintf(directory->path, sizeof(directory->path), "/tmp/gradus-test-XXXXXX");
    return mkdtemp(directory->path) != NULL;
}

/* Unlink folder `name` of the open folder `parent` with its files. */
static inline void directory_unlink(int parent, const char *name)
{
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        (void)unlinkat(fd, entry->d_name, 0);
    }
    (void)closedir(stream);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

static inline void directory_remove(const struct directory *directory)
{
    DIR *stream = opendir(directory->path);
    if (stream == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            directory_unlink(dirfd(stream), entry->d_name);
        }
    }
    (void)closedir(stream);
    directory_unlink(AT_FDCWD, directory->path);
}

#endif /* TESTS_SUPPORT_DIRECTORY_H */
