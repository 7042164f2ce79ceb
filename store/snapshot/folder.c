#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "store/rocks.h"
#include "store/snapshot/files.h"
#include "store/snapshot/snapshot.h"

static const char manifest_name[] = "manifest";
static const char anchor_name[] = "anchor";

/* Some blocks, a certificate and what holds them together; most are far smaller. */
enum { ANCHOR_SIZE_MAX = 64 * FRAME_SIZE_MAX };

struct snapshot_folder {
    char path[FILES_PATH_MAX];
    struct store_buffer manifest_bytes;
    struct store_buffer anchor;
    struct snapshot_manifest manifest; /* points into manifest_bytes */
};

bool snapshot_folder_make(const char *path, struct bytes manifest, struct bytes anchor,
                          struct error *error)
{
    char to[FILES_PATH_MAX];
    /* The manifest last: a folder that has one is whole but for its chunks. */
    return files_make_dir(path, error) && files_path(to, path, manifest_name, error) &&
           (!files_exist(to) || unlink(to) == 0 ||
            error_set(error, EXIT_CODE_STORAGE, "%.200s: cannot be replaced", to)) &&
           files_path(to, path, anchor_name, error) && files_write(to, anchor, true, error) &&
           files_path(to, path, manifest_name, error) && files_write(to, manifest, true, error) &&
           files_sync_dir(path, error);
}

static bool load(const char *dir, const char *name, size_t max, struct store_buffer *out,
                 struct error *error)
{
    char path[FILES_PATH_MAX];
    if (!files_path(path, dir, name, error)) {
        return false;
    }
    const enum store_answer answer = files_read(path, max, out, error);
    return answer == STORE_FOUND ||
           (answer == STORE_ABSENT &&
            error_set(error, EXIT_CODE_NOT_FOUND,
                      "%.200s: no snapshot there: file %s is missing or too large", dir, name));
}

bool snapshot_folder_open(const char *path, struct snapshot_folder **out, struct error *error)
{
    struct snapshot_folder *folder = store_allocate(sizeof(*folder));
    memset(folder, 0, sizeof(*folder));
    const int length = snprintf(folder->path, sizeof(folder->path), "%s", path);
    bool sound = length > 0 && (size_t)length < sizeof(folder->path);
    if (!sound) {
        (void)error_set(error, EXIT_CODE_USAGE, "the folder's name is too long");
    }
    sound = sound &&
            load(path, manifest_name, SNAPSHOT_MANIFEST_SIZE_MAX, &folder->manifest_bytes, error) &&
            load(path, anchor_name, ANCHOR_SIZE_MAX, &folder->anchor, error);
    if (sound) {
        const enum snapshot_verdict verdict = snapshot_manifest_decode(
            bytes_of(folder->manifest_bytes.data, folder->manifest_bytes.size), &folder->manifest);
        sound = verdict == SNAPSHOT_OK ||
                error_set(error, EXIT_CODE_VERIFY, "%.200s/%s: %s; get the snapshot again", path,
                          manifest_name, snapshot_verdict_text(verdict));
    }
    if (!sound) {
        snapshot_folder_close(folder);
        return false;
    }
    *out = folder;
    return true;
}

void snapshot_folder_close(struct snapshot_folder *folder)
{
    if (folder == NULL) {
        return;
    }
    store_buffer_free(&folder->manifest_bytes);
    store_buffer_free(&folder->anchor);
    free(folder);
}

const struct snapshot_manifest *snapshot_folder_manifest(const struct snapshot_folder *folder)
{
    return &folder->manifest;
}

struct bytes snapshot_folder_anchor(const struct snapshot_folder *folder)
{
    return bytes_of(folder->anchor.data, folder->anchor.size);
}

static bool chunk_path(const struct snapshot_folder *folder, const struct snapshot_part *part,
                       char *out, struct error *error)
{
    char hex[2 * HASH_SIZE + 1];
    char name[sizeof(hex) + sizeof(".chunk")];
    hex_encode(part->node.hash.bytes, HASH_SIZE, hex);
    (void)snprintf(name, sizeof(name), "%s.chunk", hex);
    return files_path(out, folder->path, name, error);
}

bool snapshot_folder_put(struct snapshot_folder *folder, uint32_t index, struct bytes chunk,
                         enum snapshot_verdict *verdict, struct error *error)
{
    const struct snapshot_part part = snapshot_part_at(&folder->manifest, index);
    char path[FILES_PATH_MAX];
    *verdict = snapshot_chunk_verify(&part, chunk);
    if (*verdict != SNAPSHOT_OK) {
        return error_set(error, EXIT_CODE_VERIFY, "chunk %u: %s", index,
                         snapshot_verdict_text(*verdict));
    }
    /* Not synced: it is verified again when it is read, and torn files are fetched again. */
    return chunk_path(folder, &part, path, error) && files_write(path, chunk, false, error);
}

bool snapshot_folder_has(const struct snapshot_folder *folder, uint32_t index)
{
    const struct snapshot_part part = snapshot_part_at(&folder->manifest, index);
    char path[FILES_PATH_MAX];
    struct error ignored;
    return chunk_path(folder, &part, path, &ignored) && files_exist(path);
}

enum store_answer snapshot_folder_read(struct snapshot_folder *folder, uint32_t index,
                                       struct store_buffer *out, struct error *error)
{
    const struct snapshot_part part = snapshot_part_at(&folder->manifest, index);
    char path[FILES_PATH_MAX];
    if (!chunk_path(folder, &part, path, error)) {
        return STORE_FAILED;
    }
    const bool there = files_exist(path);
    const enum store_answer answer = files_read(path, SNAPSHOT_CHUNK_SIZE_MAX, out, error);
    if (answer == STORE_ABSENT && there) {
        return snapshot_folder_accept(folder, index, SNAPSHOT_FORM, error) ? STORE_ABSENT
                                                                           : STORE_FAILED;
    }
    return answer;
}

bool snapshot_folder_accept(const struct snapshot_folder *folder, uint32_t index,
                            enum snapshot_verdict verdict, struct error *error)
{
    const struct snapshot_part part = snapshot_part_at(&folder->manifest, index);
    char path[FILES_PATH_MAX];
    return verdict == SNAPSHOT_OK ||
           (chunk_path(folder, &part, path, error) &&
            error_set(error, EXIT_CODE_VERIFY, "chunk %u, %.200s: %s; get it again", index, path,
                      snapshot_verdict_text(verdict)));
}

enum store_answer snapshot_folder_get(struct snapshot_folder *folder, uint32_t index,
                                      struct store_buffer *out, struct error *error)
{
    const struct snapshot_part part = snapshot_part_at(&folder->manifest, index);
    const enum store_answer answer = snapshot_folder_read(folder, index, out, error);
    if (answer != STORE_FOUND ||
        snapshot_folder_accept(
            folder, index, snapshot_chunk_verify(&part, bytes_of(out->data, out->size)), error)) {
        return answer;
    }
    store_buffer_free(out);
    return STORE_FAILED;
}

void snapshot_folder_drop(struct snapshot_folder *folder, uint32_t index)
{
    const struct snapshot_part part = snapshot_part_at(&folder->manifest, index);
    char path[FILES_PATH_MAX];
    struct error ignored;
    if (chunk_path(folder, &part, path, &ignored)) {
        (void)unlink(path);
    }
}
