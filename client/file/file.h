#ifndef CLIENT_FILE_FILE_H
#define CLIENT_FILE_FILE_H

#include "base/bytes.h"
#include "base/error.h"

/* Whole files, for the client's tools. */

/* Content of a regular file of at most size_max bytes; free() it.  NULL with the reason. */
uint8_t *file_read(const char *path, size_t size_max, size_t *size, struct error *error);

/* Write PATH.tmp, sync it, rename it, sync the directory: PATH is the old or the new content,
 * never half, and once this has answered true the new one, whatever loses power. */
_Bool file_write(const char *path, struct bytes content, struct error *error);

#endif /* CLIENT_FILE_FILE_H */
