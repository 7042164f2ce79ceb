#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "tests/support/wire_objects.h"
#include "wire/sync/sync.h"

/* tests/vectors/wire.txt was encoded by tools/wire_model.py, which shares no line with
 * wire: every vector must decode to its fields, be written again to its bytes and have its
 * digest; every refusal must be refused. */
enum { FILE_SIZE_MAX = 1 << 20, BYTES_MAX = 1 << 16 };

struct vector {
    bool refuse;
    char object[32];
    char label[96];
    struct text fields; /* lines, as they stand */
    struct bytes bytes;
    bool has_digest;
    struct hash digest;
};

static char file[FILE_SIZE_MAX];
static char field_buffer[FILE_SIZE_MAX];
static char print_buffer[FILE_SIZE_MAX];
static uint8_t byte_buffer[BYTES_MAX];

static void file_load(void)
{
    FILE *in = fopen(SOURCE_DIR "/tests/vectors/wire.txt", "rb");
    assert_non_null(in);
    const size_t size = fread(file, 1, sizeof(file) - 1, in);
    assert_true(size > 0 && size < sizeof(file) - 1);
    file[size] = '\0';
    assert_int_equal(fclose(in), 0);
}

/* Cut the line at *at off and step over it; NULL at the end. */
static char *line_next(char **at)
{
    char *line = *at;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    *at = end + 1;
    return line;
}

static void line_take(struct vector *vector, const char *line)
{
    if (strncmp(line, "  ", 2) == 0) {
        text_add(&vector->fields, "%s\n", line);
    } else if (strncmp(line, "= ", 2) == 0) {
        const size_t size = strlen(line + 2) / 2;
        assert_true(size <= sizeof(byte_buffer));
        assert_true(hex_decode(line + 2, byte_buffer, size));
        vector->bytes = bytes_of(byte_buffer, size);
    } else if (strncmp(line, "digest ", 7) == 0) {
        assert_true(hex_decode(line + 7, vector->digest.bytes, HASH_SIZE));
        vector->has_digest = true;
    } else {
        vector->refuse = strncmp(line, "refuse ", 7) == 0;
        const int count = sscanf(vector->refuse ? line + 7 : line, "%31s %95[^\n]", vector->object,
                                 vector->label);
        assert_int_equal(count, 2);
    }
}

/* The next vector, whose lines end with an empty one; false at the end of the file. */
static bool vector_next(char **at, struct vector *vector)
{
    *vector = (struct vector){.fields = {.data = field_buffer, .capacity = FILE_SIZE_MAX}};
    field_buffer[0] = '\0';
    for (;;) {
        const char *line = line_next(at);
        if (line == NULL) {
            return false;
        }
        if (line[0] == '\0') {
            return true;
        }
        if (line[0] != '#') {
            line_take(vector, line);
        }
    }
}

static struct hash vote_digest(struct bytes in)
{
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes preimage;
    struct vote vote;
    struct hash chain_id;
    struct hash set_hash;
    struct hash digest;
    memset(chain_id.bytes, 0x11, HASH_SIZE);
    memset(set_hash.bytes, 0x22, HASH_SIZE);
    assert_true(wire_decode_vote(in, &vote));
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_vote_preimage(&writer, &chain_id, &set_hash, &vote);
    assert_true(wire_writer_end(&writer, &preimage));
    crypto_digest(wire_vote_tag(vote.kind), preimage, &digest);
    return digest;
}

static struct hash proposal_digest(struct bytes in)
{
    struct wire_proposal proposal;
    struct hash rest;
    struct hash digest;
    uint8_t parts[WIRE_LIGHT_SIZE_MAX + HASH_SIZE];
    assert_true(wire_decode_proposal(in, &proposal));
    const size_t light_size = proposal.light_bytes.size;
    crypto_digest(TAG_PROPOSAL_REST, proposal.rest_bytes, &rest);
    memcpy(parts, proposal.light_bytes.data, light_size);
    memcpy(parts + light_size, rest.bytes, HASH_SIZE);
    crypto_digest(TAG_PROPOSAL, bytes_of(parts, light_size + HASH_SIZE), &digest);
    return digest;
}

/* The digest of what the decoder hands out to be hashed. */
static struct hash digest_of(const struct vector *vector)
{
    static struct wire_block block;
    struct tx tx;
    struct hash digest = {0};
    if (strcmp(vector->object, "vote") == 0) {
        return vote_digest(vector->bytes);
    }
    if (strcmp(vector->object, "proposal") == 0) {
        return proposal_digest(vector->bytes);
    }
    if (strcmp(vector->object, "block") == 0) {
        assert_true(wire_decode_block(vector->bytes, &block));
        crypto_digest(TAG_BLOCK_HEADER, block.header_bytes, &digest);
    } else if (strcmp(vector->object, "tx") == 0) {
        assert_true(wire_decode_tx(vector->bytes, &tx));
        crypto_digest(TAG_TX, tx.payload, &digest);
    } else if (strcmp(vector->object, "header") == 0) {
        crypto_digest(TAG_BLOCK_HEADER, vector->bytes, &digest);
    } else if (strcmp(vector->object, "rest") == 0) {
        crypto_digest(TAG_PROPOSAL_REST, vector->bytes, &digest);
    } else if (strcmp(vector->object, "last_final") == 0) {
        crypto_digest(TAG_LAST_FINAL, vector->bytes, &digest);
    } else if (strcmp(vector->object, "validator_set") == 0) {
        crypto_digest(TAG_VALIDATOR_SET, vector->bytes, &digest);
    }
    return digest;
}

static void vector_check(const struct vector *vector, const struct wire_object *object)
{
    struct text printed = {.data = print_buffer, .capacity = sizeof(print_buffer)};
    struct bytes out = {0};
    print_buffer[0] = '\0';
    assert_true(object->recode(vector->bytes, &out));
    assert_true(bytes_equal(vector->bytes, out));
    assert_true(object->print(vector->bytes, &printed));
    assert_string_equal(print_buffer, field_buffer);
    if (vector->has_digest) {
        const struct hash digest = digest_of(vector);
        assert_memory_equal(digest.bytes, vector->digest.bytes, HASH_SIZE);
    }
}

static void every_vector_holds(void **state)
{
    (void)state;
    char *at = file;
    struct vector vector;
    size_t accepted[64] = {0};
    size_t refused = 0;
    file_load();
    while (vector_next(&at, &vector)) {
        const struct wire_object *object = wire_object_find(vector.object);
        struct bytes out;
        assert_non_null(object);
        if (!vector.refuse) {
            vector_check(&vector, object);
            accepted[object - wire_objects]++;
        } else if (object->recode(vector.bytes, &out)) {
            fail_msg("accepted: %s, %s", vector.object, vector.label);
        } else {
            refused++;
        }
    }
    for (size_t i = 0; wire_objects[i].name != NULL; i++) {
        if (accepted[i] == 0) {
            fail_msg("no vector for %s", wire_objects[i].name);
        }
    }
    assert_true(refused >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
