#include "tests/support/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hex.h"

void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text->data + text->size, text->capacity - text->size, format, args);
    va_end(args);
    ASSERT(size >= 0 && (size_t)size < text->capacity - text->size);
    text->size += (size_t)size;
}

void text_add_hex(struct text *text, struct bytes bytes)
{
    ASSERT(text->capacity - text->size > 2 * bytes.size);
    hex_encode(bytes.data, bytes.size, text->data + text->size);
    text->size += 2 * bytes.size;
}
