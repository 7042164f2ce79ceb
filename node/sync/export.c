#include <stdlib.h>

#include "node/sync/sync.h"

/* In a folder there is room for all of them. */
enum { ANCHOR_SIZE_MAX = SYNC_ANCHOR_BLOCK_MAX * FRAME_SIZE_MAX };

static bool put_chunk(struct snapshot_source *source, struct snapshot_folder *folder,
                      uint32_t index, struct error *error)
{
    const struct snapshot_part part = snapshot_part_at(snapshot_folder_manifest(folder), index);
    struct store_buffer chunk = {0};
    enum snapshot_verdict verdict;
    if (snapshot_folder_has(folder, index)) {
        return true; /* of an earlier run; verified whenever it is read */
    }
    const enum store_answer answer =
        snapshot_source_chunk(source, &part.prefix, part.depth, &chunk, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT &&
               error_set(error, EXIT_CODE_CORRUPT, "chunk %u is not in the state any more", index);
    }
    const bool put =
        snapshot_folder_put(folder, index, bytes_of(chunk.data, chunk.size), &verdict, error);
    store_buffer_free(&chunk);
    return put;
}

static bool export_source(const struct sync_export *what, struct snapshot_source *source,
                          struct error *error)
{
    struct store_buffer manifest = {0};
    struct store_buffer anchor = {0};
    struct snapshot_folder *folder = NULL;
    const uint64_t height = snapshot_source_height(source);
    const enum store_answer answer =
        sync_anchor_read(what->store, height, ANCHOR_SIZE_MAX, &anchor, error);
    bool done =
        answer == STORE_FOUND ||
        (answer == STORE_ABSENT &&
         error_set(error, EXIT_CODE_NOT_FOUND,
                   "block %llu has no finality of its own, as the node was killed; start it "
                   "once, stop it, and try again",
                   (unsigned long long)height + 1));
    done = done && snapshot_source_manifest(source, NULL, &manifest, error) &&
           snapshot_folder_make(what->path, bytes_of(manifest.data, manifest.size),
                                bytes_of(anchor.data, anchor.size), error) &&
           snapshot_folder_open(what->path, &folder, error);
    const uint32_t count = done ? snapshot_folder_manifest(folder)->part_count : 0;
    for (uint32_t i = 0; done && i < count; i++) {
        done = put_chunk(source, folder, i, error);
        if (done && what->progress != NULL) {
            what->progress(what->context, i + 1, count);
        }
    }
    snapshot_folder_close(folder);
    store_buffer_free(&manifest);
    store_buffer_free(&anchor);
    return done;
}

bool sync_export(const struct sync_export *what, struct error *error)
{
    struct store_status status;
    struct snapshot_source *source = NULL;
    store_status(what->store, &status);
    const uint64_t height = status.applied_height > 0 ? status.applied_height - 1 : 0;
    const enum store_answer answer =
        height < SYNC_HEIGHT_MIN ? STORE_ABSENT
                                 : snapshot_source_open(what->store, height, &source, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT &&
               error_set(
                   error, EXIT_CODE_NOT_FOUND,
                   "no state there whose root a final header has; there must be three blocks");
    }
    const bool done = export_source(what, source, error);
    snapshot_source_close(source);
    return done;
}
