#include <string.h>

#include "base/endian.h"
#include "state/snapshot/snapshot.h"

static const uint8_t magic[8] = {'G', 'R', 'A', 'D', 'U', 'S', 'S', '1'};

enum { PATH_BITS = 256 };

/* Where the fields of a part stand. */
enum {
    AT_DEPTH = HASH_SIZE,
    AT_KIND = AT_DEPTH + 2,
    AT_HASH = AT_KIND + 1,
    AT_LEAVES = AT_HASH + HASH_SIZE,
    AT_SIZE = AT_LEAVES + 4,
};

const char *snapshot_verdict_text(enum snapshot_verdict verdict)
{
    switch (verdict) {
    case SNAPSHOT_OK:
        return "sound";
    case SNAPSHOT_FORM:
        return "malformed";
    case SNAPSHOT_ORDER:
        return "its keys are not in order or not in its place";
    case SNAPSHOT_CUT:
        return "not cut as the state is";
    case SNAPSHOT_ROOT:
        return "leads to another hash";
    case SNAPSHOT_SIZES:
        return "of another size than the manifest says";
    }
    UNREACHABLE();
}

size_t snapshot_manifest_size(const struct snapshot_manifest *manifest)
{
    uint8_t tree[CRYPTO_TREE_SIZE_MAX];
    return SNAPSHOT_HEAD_SIZE + crypto_tree_write(&manifest->history, tree) +
           (size_t)manifest->part_count * SNAPSHOT_PART_SIZE;
}

static void part_write(const struct snapshot_part *part, uint8_t *out)
{
    memcpy(out, part->prefix.bytes, HASH_SIZE);
    store_be16(out + AT_DEPTH, (uint16_t)part->depth);
    out[AT_KIND] = part->node.kind;
    memcpy(out + AT_HASH, part->node.hash.bytes, HASH_SIZE);
    store_be32(out + AT_LEAVES, part->leaves);
    store_be32(out + AT_SIZE, part->size);
}

void snapshot_manifest_write(const struct snapshot_manifest *manifest,
                             const struct snapshot_part *parts, uint8_t *out)
{
    const size_t tree_size = crypto_tree_write(&manifest->history, out + SNAPSHOT_HEAD_SIZE);
    memcpy(out, magic, sizeof(magic));
    memcpy(out + 8, manifest->chain_id.bytes, HASH_SIZE);
    store_be64(out + 40, manifest->height);
    memcpy(out + 48, manifest->state_root.bytes, HASH_SIZE);
    store_be32(out + 80, (uint32_t)tree_size);
    store_be32(out + 84, manifest->part_count);
    uint8_t *at = out + SNAPSHOT_HEAD_SIZE + tree_size;
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        part_write(&parts[i], at + (size_t)i * SNAPSHOT_PART_SIZE);
    }
}

struct snapshot_part snapshot_part_at(const struct snapshot_manifest *manifest, uint32_t index)
{
    ASSERT(index < manifest->part_count);
    const uint8_t *in = manifest->parts.data + (size_t)index * SNAPSHOT_PART_SIZE;
    struct snapshot_part part = {
        .depth = load_be16(in + AT_DEPTH),
        .leaves = load_be32(in + AT_LEAVES),
        .size = load_be32(in + AT_SIZE),
    };
    memcpy(part.prefix.bytes, in, HASH_SIZE);
    part.node.kind = in[AT_KIND];
    memcpy(part.node.hash.bytes, in + AT_HASH, HASH_SIZE);
    return part;
}

/* The prefix is zero from bit depth on. */
static bool prefix_ends(const struct snapshot_part *part)
{
    uint32_t bit = part->depth;
    while (bit < PATH_BITS && !state_tree_bit(&part->prefix, bit)) {
        bit++;
    }
    return bit >= PATH_BITS;
}

static enum snapshot_verdict part_check(const struct snapshot_part *part)
{
    const bool leaf = part->node.kind == STATE_TREE_LEAF;
    if (part->depth > PATH_BITS || !prefix_ends(part) ||
        (!leaf && part->node.kind != STATE_TREE_INNER) || (part->leaves == 1) != leaf ||
        part->leaves == 0) {
        return SNAPSHOT_FORM;
    }
    const uint64_t least = (uint64_t)part->leaves * (SNAPSHOT_RECORD_HEAD_SIZE + 1);
    const uint32_t most = leaf ? SNAPSHOT_CHUNK_SIZE_MAX : SNAPSHOT_CHUNK_SIZE;
    return part->size < least || part->size > most ? SNAPSHOT_CUT : SNAPSHOT_OK;
}

/* A cut cut again stays what it is: where two parts, or one beside nothing, would have been
 * one chunk, the manifest is another than the state's. */
static enum snapshot_verdict parts_check(struct snapshot_manifest *manifest)
{
    struct snapshot_fold fold;
    struct snapshot_subtree root;
    snapshot_fold_init(&fold, 0, SNAPSHOT_CHUNK_SIZE);
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        const struct snapshot_part part = snapshot_part_at(manifest, i);
        const enum snapshot_verdict verdict = part_check(&part);
        if (verdict != SNAPSHOT_OK) {
            return verdict;
        }
        if (!snapshot_fold_push(&fold, &part.prefix, part.depth, &part)) {
            return SNAPSHOT_ORDER;
        }
    }
    snapshot_fold_end(&fold, &root);
    manifest->leaves = root.leaves;
    manifest->size = root.size;
    if (!hash_equal(&root.node.hash, &manifest->state_root)) {
        return SNAPSHOT_ROOT;
    }
    return fold.joined ? SNAPSHOT_CUT : SNAPSHOT_OK;
}

enum snapshot_verdict snapshot_manifest_decode(struct bytes bytes, struct snapshot_manifest *out)
{
    if (bytes.size < SNAPSHOT_HEAD_SIZE || memcmp(bytes.data, magic, sizeof(magic)) != 0) {
        return SNAPSHOT_FORM;
    }
    const size_t tree_size = load_be32(bytes.data + 80);
    const uint32_t count = load_be32(bytes.data + 84);
    const size_t rest = bytes.size - SNAPSHOT_HEAD_SIZE;
    if (count > SNAPSHOT_PART_MAX || tree_size > CRYPTO_TREE_SIZE_MAX ||
        rest != tree_size + (size_t)count * SNAPSHOT_PART_SIZE) {
        return SNAPSHOT_FORM;
    }
    struct snapshot_manifest manifest = {.height = load_be64(bytes.data + 40), .part_count = count};
    const uint8_t *tree = bytes.data + SNAPSHOT_HEAD_SIZE;
    memcpy(manifest.chain_id.bytes, bytes.data + 8, HASH_SIZE);
    memcpy(manifest.state_root.bytes, bytes.data + 48, HASH_SIZE);
    manifest.parts = bytes_of(tree + tree_size, (size_t)count * SNAPSHOT_PART_SIZE);
    if (!crypto_tree_read(&manifest.history, TAG_HISTORY_TREE, bytes_of(tree, tree_size)) ||
        manifest.height == 0 || manifest.history.count != manifest.height) {
        return SNAPSHOT_FORM;
    }
    const enum snapshot_verdict verdict = parts_check(&manifest);
    if (verdict == SNAPSHOT_OK) {
        *out = manifest;
    }
    return verdict;
}
