#ifndef STORE_SNAPSHOT_FILES_H
#define STORE_SNAPSHOT_FILES_H

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/store.h"

/* Whole files and folders. */

enum { FILES_PATH_MAX = 1024 };

/* "dir/name"; false with USAGE when it is too long. */
MUST_USE bool files_path(char out[FILES_PATH_MAX], const char *dir, const char *name,
                         struct error *error);
bool files_exist(const char *path);
MUST_USE bool files_make_dir(const char *path, struct error *error);

/* Complete or not there; synced, the name too, when `sync`. */
MUST_USE bool files_write(const char *path, struct bytes bytes, bool sync, struct error *error);
/* ABSENT: no such file, or more than max bytes. */
MUST_USE enum store_answer files_read(const char *path, size_t max, struct store_buffer *out,
                                      struct error *error);
/* The entries of a folder are on the disk. */
MUST_USE bool files_sync_dir(const char *path, struct error *error);
/* A folder with all that is in it, six folders deep; nothing there is well. */
MUST_USE bool files_remove_dir(const char *path, struct error *error);

#endif /* STORE_SNAPSHOT_FILES_H */
