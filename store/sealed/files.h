#ifndef STORE_SEALED_FILES_H
#define STORE_SEALED_FILES_H

#include "store/history/history.h"

/* The sealed files of a data directory, from any thread. */

struct sealed;

/* dir: the data directory; nothing there: no files.  Refuses what is no chunk's file.  Unless
 * read_only, what a cut off write has left is removed. */
MUST_USE bool sealed_open(const char *dir, bool read_only, struct sealed **out,
                          struct error *error);
void sealed_close(struct sealed *sealed); /* NULL is allowed */

/* Look again what is there. */
MUST_USE bool sealed_reload(struct sealed *sealed, struct error *error);

/* ABSENT: no file has it.  When read_only a running node may have moved it: looks again. */
MUST_USE enum store_answer sealed_block(struct sealed *sealed, uint64_t height,
                                        struct store_buffer *out, struct error *error);

size_t sealed_count(struct sealed *sealed);
struct history_span sealed_span(struct sealed *sealed, size_t index);
const char *sealed_dir(const struct sealed *sealed); /* data_dir/history */
/* The file, its directory and the data directory are on the disk when this returns. */
MUST_USE bool sealed_sync(struct sealed *sealed, size_t index, struct error *error);
/* Unlink one file, durably, and look again. */
MUST_USE bool sealed_unlink(struct sealed *sealed, size_t index, struct error *error);
uint64_t sealed_bytes(struct sealed *sealed);
void sealed_file_path(struct sealed *sealed, size_t index, char *out); /* HISTORY_PATH_MAX */

#endif /* STORE_SEALED_FILES_H */
