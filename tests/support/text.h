#ifndef TESTS_SUPPORT_TEXT_H
#define TESTS_SUPPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Text that grows inside a fixed buffer; what does not fit stops the test. */
struct text {
    char *data;
    size_t capacity;
    size_t size;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_hex(struct text *text, struct bytes bytes);

#endif /* TESTS_SUPPORT_TEXT_H */
