#include "state/snapshot/snapshot.h"

/* A manifest or a chunk of a peer, by the first byte.  A manifest that is taken folds to the
 * root it names; a chunk in order has exactly one part that takes it. */
/* NOLINTBEGIN(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_manifest(struct bytes bytes)
{
    static struct snapshot_manifest manifest;
    static struct snapshot_fold fold;
    struct snapshot_subtree root;
    if (snapshot_manifest_decode(bytes, &manifest) != SNAPSHOT_OK) {
        return;
    }
    snapshot_fold_init(&fold, 0, SNAPSHOT_CHUNK_SIZE);
    for (uint32_t i = 0; i < manifest.part_count; i++) {
        const struct snapshot_part part = snapshot_part_at(&manifest, i);
        ASSERT(snapshot_fold_push(&fold, &part.prefix, part.depth, &part));
    }
    snapshot_fold_end(&fold, &root);
    ASSERT(hash_equal(&root.node.hash, &manifest.state_root));
    ASSERT(fold.count == manifest.part_count && root.leaves == manifest.leaves);
    ASSERT(snapshot_manifest_size(&manifest) == bytes.size);
}

static void judge_chunk(struct bytes bytes)
{
    static struct snapshot_reader reader;
    struct snapshot_part part = {.node = {.kind = STATE_TREE_INNER}};
    struct snapshot_record record;
    struct snapshot_subtree found;
    snapshot_reader_init(&reader, &part, bytes);
    while (snapshot_reader_next(&reader, &record)) {
        ASSERT(record.key.size > 0 && record.key.size <= STATE_KEY_SIZE_MAX);
    }
    const enum snapshot_verdict verdict = snapshot_reader_end(&reader);
    ASSERT(verdict != SNAPSHOT_OK);
    if (verdict != SNAPSHOT_ROOT || bytes.size == 0) {
        return;
    }
    snapshot_fold_end(&reader.fold, &found);
    part.node = found.node;
    part.leaves = (uint32_t)found.leaves;
    part.size = (uint32_t)found.size;
    ASSERT(found.size == bytes.size);
    ASSERT(snapshot_chunk_verify(&part, bytes) == SNAPSHOT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct bytes rest = bytes_of(data + 1, size - 1);
    if ((data[0] & 1) != 0) {
        judge_manifest(rest);
    } else {
        judge_chunk(rest);
    }
    return 0;
}
/* NOLINTEND(readability-identifier-naming) */
