#ifndef STORE_BACKUP_LIST_H
#define STORE_BACKUP_LIST_H

#include "crypto/crypto.h"
#include "store/backup/backup.h"

/* The list of a backup as it is read and written; private to the room. */

enum { LIST_NAME_MAX = 128, BACKUP_PATH_MAX = 1024 };

struct list_file {
    struct hash digest;
    uint64_t size;
    char name[LIST_NAME_MAX]; /* "chain.db/000012.sst" */
};

struct list {
    struct backup_info info;
    struct list_file *files; /* info.file_count */
    uint64_t room;
};

void list_add(struct list *list, const struct list_file *file);
void list_free(struct list *list);
const struct list_file *list_find(const struct list *list, const char *name);

/* Durable when it returns. */
MUST_USE bool list_write(const struct list *list, const char *dir, struct error *error);
MUST_USE bool list_read(struct list *list, const char *dir, const struct hash *chain_id,
                        struct error *error);

bool backup_path(char out[BACKUP_PATH_MAX], const char *dir, const char *name, struct error *error);
/* errno into *error; false. */
bool backup_fail(const char *path, const char *what, struct error *error);
MUST_USE bool backup_sync_dir(const char *path, struct error *error);

#endif /* STORE_BACKUP_LIST_H */
