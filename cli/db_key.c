#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/hex.h"
#include "cli/db.h"
#include "cli/record_json.h"

/* The keys of the state for people, from one table.  A layout is a letter for each part behind
 * the kind: A address, H id, I number of 32 bits, Q of 64, C collection, G global, O owner: what
 * the parts behind it leave. */

struct kind {
    uint8_t first;
    const char *name;
    const char *layout;
};

static const struct kind kinds[] = {
    {KEY_ACCOUNT, "account", "A"},
    {KEY_REQUEST_BODY, "request_body", "H"},
    {KEY_COUNT, "count", "CO"},
    {KEY_DATA, "data", "H"},
    {KEY_LEASE, "lease", "H"},
    {KEY_OFFER, "offer", "H"},
    {KEY_GLOBAL, "global", "G"},
    {KEY_ITEM, "item", "COI"},
    {KEY_SEGMENT, "segment", "HII"},
    {KEY_LANE, "lane", "AI"},
    {KEY_MEMBER, "member", "HII"},
    {KEY_NODE, "node", "H"},
    {KEY_ORG, "org", "I"},
    {KEY_PROCESS, "process", "H"},
    {KEY_REQUEST, "request", "H"},
    {KEY_ROUND, "round", "HI"},
    {KEY_PLAN, "plan", "HI"},
    {KEY_TERMS, "terms", "H"},
    {KEY_UNORDERED, "unordered", "AQ"},
    {KEY_POSITION, "position", "COH"},
    {KEY_USAGE, "usage", "I"},
    {KEY_PROGRAM, "program", "H"},
    {KEY_UPLOAD, "upload", "AH"},
    {KEY_PART, "part", "AHI"},
};

static const struct kind *kind_of(uint8_t first)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].first == first) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *db_kind_name(uint8_t first)
{
    const struct kind *kind = kind_of(first);
    return kind == NULL ? NULL : kind->name;
}

static size_t part_size(char letter)
{
    switch (letter) {
    case 'A':
        return ADDRESS_SIZE;
    case 'H':
        return HASH_SIZE;
    case 'I':
        return 4;
    case 'Q':
        return 8;
    case 'C':
    case 'G':
        return 1;
    default:
        return 0; /* O: what is left */
    }
}

/* The bytes of the part `letter` that begins at *rest; false when they are not there. */
static bool part_take(const char *letter, struct bytes *rest, struct bytes *out)
{
    size_t size = part_size(*letter);
    if (*letter == 'O') {
        size_t behind = 0;
        for (const char *next = letter + 1; *next != '\0'; next++) {
            behind += part_size(*next);
        }
        size = rest->size < behind ? 0 : rest->size - behind;
    }
    if (size > rest->size) {
        return false;
    }
    *out = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + size, rest->size - size);
    return true;
}

static int part_print(char letter, struct bytes part, char *out, size_t room)
{
    char hex[2 * HASH_SIZE + 1];
    switch (letter) {
    case 'I':
        return snprintf(out, room, " %" PRIu32, load_be32(part.data));
    case 'Q':
        return snprintf(out, room, " %" PRIu64, load_be64(part.data));
    case 'C':
    case 'G':
        return snprintf(out, room, " %u", part.data[0]);
    default:
        hex_encode(part.data, part.size < HASH_SIZE ? part.size : HASH_SIZE, hex);
        return part.size == 0 ? 0 : snprintf(out, room, " %s", hex);
    }
}

void db_key_text(struct bytes key, char out[DB_KEY_TEXT_MAX])
{
    const struct kind *kind = key.size == 0 ? NULL : kind_of(key.data[0]);
    struct bytes rest = key.size == 0 ? key : bytes_of(key.data + 1, key.size - 1);
    int length = snprintf(out, DB_KEY_TEXT_MAX, "%s", kind == NULL ? "" : kind->name);
    bool fits = kind != NULL;
    for (const char *letter = fits ? kind->layout : ""; fits && *letter != '\0'; letter++) {
        struct bytes part;
        fits = part_take(letter, &rest, &part);
        length +=
            fits ? part_print(*letter, part, out + length, DB_KEY_TEXT_MAX - (size_t)length) : 0;
    }
    if (!fits || rest.size > 0) { /* no key of this table */
        char hex[2 * INSPECT_KEY_MAX + 1];
        hex_encode(key.data, key.size < INSPECT_KEY_MAX ? key.size : INSPECT_KEY_MAX, hex);
        (void)snprintf(out, DB_KEY_TEXT_MAX, "%s", hex);
    }
}

struct bytes db_key_id(struct bytes key)
{
    const struct kind *kind = key.size == 0 ? NULL : kind_of(key.data[0]);
    struct bytes rest = key.size == 0 ? key : bytes_of(key.data + 1, key.size - 1);
    struct bytes part = {0};
    for (const char *letter = kind == NULL ? "" : kind->layout; *letter != '\0'; letter++) {
        if (!part_take(letter, &rest, &part)) {
            break;
        }
        if ((*letter == 'A' || *letter == 'H' || *letter == 'O') && part.size >= ADDRESS_SIZE) {
            return part;
        }
    }
    return (struct bytes){0};
}

static json_t *hex_json(struct bytes bytes)
{
    char *text = malloc(2 * bytes.size + 1);
    if (text == NULL) {
        return json_null();
    }
    text[0] = '\0';
    hex_encode(bytes.data, bytes.size, text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

json_t *db_value_json(struct bytes key, struct bytes value)
{
    const struct record *record = record_of_key(key);
    void *object = record == NULL ? NULL : malloc(record->struct_size);
    json_t *json = object != NULL && record_decode(record, value, object)
                       ? record_json(record, object)
                       : hex_json(value);
    free(object);
    return json;
}
