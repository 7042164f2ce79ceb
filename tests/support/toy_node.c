#include "tests/support/toy_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/paper.h"
#include "wire/wire.h"

enum { BLOCK_ROOM = 1024 };

const struct hash toy_chain = {{7}};
static const uint8_t no_results[] = {0x90}; /* an empty array */

void toy_node_open(struct toy_node *node)
{
    struct error error;
    const struct store_options options = {
        .dir = node->directory.path, .chain_id = toy_chain, .undo_window = node->undo_window};
    if (!store_open(&options, &node->store, &error)) {
        fail_msg("%s", error.detail);
    }
}

static struct bytes make_block(const struct toy_node *node, const struct hash *state_root,
                               uint8_t *out)
{
    uint8_t header_bytes[WIRE_HEADER_SIZE_MAX];
    uint8_t last_final[WIRE_LAST_FINAL_SIZE_MAX];
    struct block_header header = {.version = 1,
                                  .chain_id = toy_chain,
                                  .height = node->height,
                                  .parent_id = node->parent,
                                  .time_ms = node->height,
                                  .view = node->height,
                                  .state_root = *state_root};
    struct crypto_tree tree;
    struct wire_writer writer;
    struct wire_block_parts parts = {.tx_count = 0};
    struct bytes block;
    crypto_tree_init(&tree, TAG_RESULT_TREE);
    crypto_tree_root(&tree, &header.results_root);
    store_history_tree(node->store, &tree);
    crypto_tree_root(&tree, &header.hist_root);
    if (node->carries && paper_carries(node->height)) {
        parts.last_final_bytes =
            bytes_of(last_final, paper_last_final(node->height - 1, last_final));
        crypto_digest(TAG_LAST_FINAL, parts.last_final_bytes, &header.last_cert_hash);
    }
    wire_writer_init(&writer, header_bytes, sizeof(header_bytes));
    wire_write_header(&writer, &header);
    assert_true(wire_writer_end(&writer, &parts.header_bytes));
    wire_writer_init(&writer, out, BLOCK_ROOM);
    wire_write_block(&writer, &parts);
    assert_true(wire_writer_end(&writer, &block));
    return block;
}

/* Block node->height becomes final. */
static void append(struct toy_node *node, const struct hash *state_root)
{
    static struct wire_block block;
    uint8_t bytes[BLOCK_ROOM];
    struct error error;
    struct hash id;
    const struct bytes body = make_block(node, state_root, bytes);
    assert_true(wire_decode_block(body, &block));
    crypto_digest(TAG_BLOCK_HEADER, block.header_bytes, &id);
    const struct store_final final = {.height = node->height,
                                      .block_id = id,
                                      .block = body,
                                      .results = bytes_of(no_results, sizeof(no_results))};
    assert_true(store_append_final(node->store, &final, 1, &error));
}

void toy_node_grow(struct toy_node *node, uint64_t last)
{
    static struct toy_block block;
    struct error error;
    struct store_status status;
    for (; node->height <= last; node->height++) {
        struct hash id = toy_chain;
        toy_block_make(&node->toy, node->height, &block);
        store_status(node->store, &status);
        if (node->height > status.decided_height) {
            append(node, &status.applied_root);
        }
        if (node->height > 0) {
            assert_int_equal(store_block_id(node->store, node->height, &id, &error), STORE_FOUND);
        }
        if (node->height > 0 && node->height == node->odd_height) {
            assert_true(block.writes.count > 0);
            block.items[0].removed = false;
            block.items[0].value = bytes_of("odd", 3);
        }
        const struct store_stage stage = {
            .height = node->height, .block_id = id, .writes = block.writes};
        assert_true(store_commit(node->store, store_overlay_add(node->store, &stage), &error));
        node->parent = id;
    }
}

void toy_node_begin(struct toy_node *node)
{
    *node = (struct toy_node){
        .odd_height = node->odd_height, .undo_window = node->undo_window, .carries = node->carries};
    assert_true(directory_make(&node->directory));
    toy_node_open(node);
}

void toy_node_fill(struct toy_node *node, uint64_t last)
{
    toy_node_begin(node);
    toy_node_grow(node, last / 2);
    store_close(node->store);
    toy_node_open(node);
    toy_node_grow(node, last);
    store_close(node->store);
    node->store = NULL;
}
