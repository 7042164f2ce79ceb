#include "store/backup/list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "store/rocks.h"

enum { LINE_MAX_SIZE = 2 * HASH_SIZE + LIST_NAME_MAX + 32, HEX_SIZE = 2 * HASH_SIZE + 1 };

static const char list_name[] = "backup";
static const char part_name[] = "backup.part";
static const char title[] = "gradus backup 1";

bool backup_path(char out[BACKUP_PATH_MAX], const char *dir, const char *name, struct error *error)
{
    const int length = snprintf(out, BACKUP_PATH_MAX, "%s/%s", dir, name);
    return (length > 0 && length < BACKUP_PATH_MAX) ||
           error_set(error, EXIT_CODE_USAGE, "%.100s: the name is too long", dir);
}

bool backup_fail(const char *path, const char *what, struct error *error)
{
    const int number = errno;
    char text[64];
    if (strerror_r(number, text, sizeof(text)) != 0) {
        (void)snprintf(text, sizeof(text), "error %d", number);
    }
    return error_set(error, number == ENOSPC ? EXIT_CODE_DISK_FULL : EXIT_CODE_STORE,
                     "%.180s: cannot %s: %s; check path, permissions and disk", path, what, text);
}

bool backup_sync_dir(const char *path, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    const bool done = synced || backup_fail(path, "sync", error);
    if (fd >= 0) {
        (void)close(fd);
    }
    return done;
}

void list_add(struct list *list, const struct list_file *file)
{
    if (list->info.file_count == list->room) {
        list->room = list->room == 0 ? 64 : 2 * list->room;
        struct list_file *files = store_allocate(list->room * sizeof(*files));
        if (list->info.file_count > 0) {
            memcpy(files, list->files, list->info.file_count * sizeof(*files));
        }
        free(list->files);
        list->files = files;
    }
    list->files[list->info.file_count++] = *file;
    list->info.bytes += file->size;
}

void list_free(struct list *list)
{
    free(list->files);
    list->files = NULL;
}

const struct list_file *list_find(const struct list *list, const char *name)
{
    for (uint64_t i = 0; i < list->info.file_count; i++) {
        if (strcmp(list->files[i].name, name) == 0) {
            return &list->files[i];
        }
    }
    return NULL;
}

/* ---- Writing ------------------------------------------------------------------------ */

static bool put(FILE *stream, struct crypto_sha256 *sha, const char *line)
{
    const size_t size = strlen(line);
    crypto_sha256_update(sha, bytes_of(line, size));
    return fwrite(line, 1, size, stream) == size;
}

static bool write_lines(const struct list *list, FILE *stream)
{
    char line[LINE_MAX_SIZE];
    char hex[HEX_SIZE];
    struct crypto_sha256 sha;
    struct hash total;
    const struct backup_info *info = &list->info;
    crypto_sha256_init(&sha);
    hex_encode(info->chain_id.bytes, HASH_SIZE, hex);
    (void)snprintf(line, sizeof(line), "%s\nchain %s\n", title, hex);
    bool done = put(stream, &sha, line);
    hex_encode(info->decided_id.bytes, HASH_SIZE, hex);
    (void)snprintf(line, sizeof(line), "final %" PRIu64 " %s\n", info->decided_height, hex);
    done = done && put(stream, &sha, line);
    hex_encode(info->applied_root.bytes, HASH_SIZE, hex);
    (void)snprintf(line, sizeof(line), "state %" PRIu64 " %s\n", info->applied_height, hex);
    done = done && put(stream, &sha, info->has_state ? line : "state none\n");
    for (uint64_t i = 0; done && i < info->file_count; i++) {
        const struct list_file *file = &list->files[i];
        hex_encode(file->digest.bytes, HASH_SIZE, hex);
        (void)snprintf(line, sizeof(line), "%s %" PRIu64 " %s\n", hex, file->size, file->name);
        done = put(stream, &sha, line);
    }
    crypto_sha256_final(&sha, &total);
    hex_encode(total.bytes, HASH_SIZE, hex);
    return done && fprintf(stream, "end %s\n", hex) > 0;
}

bool list_write(const struct list *list, const char *dir, struct error *error)
{
    char part[BACKUP_PATH_MAX];
    char path[BACKUP_PATH_MAX];
    if (!backup_path(part, dir, part_name, error) || !backup_path(path, dir, list_name, error)) {
        return false;
    }
    FILE *stream = fopen(part, "wx");
    bool done = stream != NULL && write_lines(list, stream) && fflush(stream) == 0 &&
                fsync(fileno(stream)) == 0;
    if (stream != NULL && fclose(stream) != 0) {
        done = false;
    }
    if (!done || rename(part, path) != 0) {
        return backup_fail(path, "write", error);
    }
    return backup_sync_dir(dir, error);
}

/* ---- Reading ------------------------------------------------------------------------ */

/* A whole number and a hash, separated by a space. */
static bool scan_pair(const char *text, uint64_t *number, struct hash *hash)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == ' ' && hex_decode(end + 1, hash->bytes, HASH_SIZE);
}

/* The file's own name behind its folder; NULL: a folder that a backup does not have. */
static const char *file_of(const char *name)
{
    static const char *const folders[] = {"history/", "chain.db/", "state.db/"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (strncmp(name, folders[i], strlen(folders[i])) == 0) {
            return name + strlen(folders[i]);
        }
    }
    return NULL;
}

/* "SHA256 SIZE NAME", the name one of a file in one of the three folders. */
static bool scan_file(char *line, struct list_file *out)
{
    char *end = NULL;
    if (strlen(line) < HEX_SIZE + 2 || line[HEX_SIZE - 1] != ' ' || line[HEX_SIZE] < '0' ||
        line[HEX_SIZE] > '9') {
        return false;
    }
    line[HEX_SIZE - 1] = '\0';
    errno = 0;
    out->size = strtoull(line + HEX_SIZE, &end, 10);
    if (errno != 0 || *end != ' ' || !hex_decode(line, out->digest.bytes, HASH_SIZE)) {
        return false;
    }
    const char *name = end + 1;
    const char *base = file_of(name);
    if (base == NULL || base[0] == '\0' || base[0] == '.' || strchr(base, '/') != NULL ||
        strlen(name) >= sizeof(out->name)) {
        return false;
    }
    (void)snprintf(out->name, sizeof(out->name), "%s", name);
    return true;
}

static bool scan_line(struct list *list, uint64_t number, char *line)
{
    static const char *const heads[] = {"", "chain ", "final ", "state "};
    struct backup_info *info = &list->info;
    struct list_file file;
    const size_t head = number < 4 ? strlen(heads[number]) : 0;
    if (head > 0 && strncmp(line, heads[number], head) != 0) {
        return false;
    }
    switch (number) {
    case 0:
        return strcmp(line, title) == 0;
    case 1:
        return hex_decode(line + head, info->chain_id.bytes, HASH_SIZE);
    case 2:
        return scan_pair(line + head, &info->decided_height, &info->decided_id);
    case 3:
        info->has_state = strcmp(line + head, "none") != 0;
        return !info->has_state ||
               scan_pair(line + head, &info->applied_height, &info->applied_root);
    default:
        break;
    }
    if (!scan_file(line, &file) || list_find(list, file.name) != NULL) {
        return false;
    }
    list_add(list, &file);
    return true;
}

static bool read_lines(struct list *list, FILE *stream)
{
    char line[LINE_MAX_SIZE];
    struct crypto_sha256 sha;
    uint64_t number = 0;
    crypto_sha256_init(&sha);
    while (fgets(line, sizeof(line), stream) != NULL) {
        const size_t size = strlen(line);
        if (size == 0 || line[size - 1] != '\n') {
            return false;
        }
        if (number >= 4 && strncmp(line, "end ", 4) == 0) {
            struct hash total;
            struct hash stated;
            crypto_sha256_final(&sha, &total);
            line[size - 1] = '\0';
            return hex_decode(line + 4, stated.bytes, HASH_SIZE) && hash_equal(&total, &stated) &&
                   fgetc(stream) == EOF;
        }
        crypto_sha256_update(&sha, bytes_of(line, size));
        line[size - 1] = '\0';
        if (!scan_line(list, number++, line)) {
            return false;
        }
    }
    return false;
}

bool list_read(struct list *list, const char *dir, const struct hash *chain_id, struct error *error)
{
    char path[BACKUP_PATH_MAX];
    if (!backup_path(path, dir, list_name, error)) {
        return false;
    }
    FILE *stream = fopen(path, "r");
    if (stream == NULL) {
        return error_set(error, EXIT_CODE_INCOMPLETE,
                         "%.200s: no complete backup: it has no list; make another", dir);
    }
    const bool sound = read_lines(list, stream);
    (void)fclose(stream);
    if (!sound) {
        return error_set(error, EXIT_CODE_CORRUPT,
                         "%.200s: the list is damaged; use another backup", path);
    }
    return hash_equal(&list->info.chain_id, chain_id) ||
           error_set(error, EXIT_CODE_BAD_GENESIS,
                     "%.200s: the backup of another chain; check the genesis file", dir);
}
