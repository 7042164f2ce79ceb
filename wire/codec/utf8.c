#include "wire/codec/codec.h"

/* Bytes that follow this first byte of a character; 4 for a byte that begins none. */
static size_t tail_size(uint8_t lead)
{
    if (lead < 0x80) {
        return 0;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 1;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 2;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : 4;
}

/* RFC 3629 section 4: four first bytes narrow what may stand second. */
static bool second_ok(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0:
        return second >= 0xa0; /* else overlong */
    case 0xed:
        return second <= 0x9f; /* else a surrogate */
    case 0xf0:
        return second >= 0x90; /* else overlong */
    case 0xf4:
        return second <= 0x8f; /* else above U+10FFFF */
    default:
        return true;
    }
}

/* The bytes that follow a first byte each continue it. */
static bool tail_ok(const uint8_t *tail, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((tail[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

bool wire_utf8_ok(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        const uint8_t *character = text.data + at;
        const size_t tail = tail_size(character[0]);
        if (tail > 3 || tail > text.size - at - 1 || !tail_ok(character + 1, tail)) {
            return false;
        }
        if (tail > 0 && !second_ok(character[0], character[1])) {
            return false;
        }
        at += 1 + tail;
    }
    return true;
}
