#ifndef TESTS_SUPPORT_WIRE_OBJECTS_H
#define TESTS_SUPPORT_WIRE_OBJECTS_H

#include "base/bytes.h"
#include "tests/support/text.h"

/* Every object of wire behind one face, for vectors, properties and fuzzing alike.
 * Not thread safe: decoded objects live in static memory. */
struct wire_object {
    const char *name;
    /* Decode, then write again from what was decoded: false when refused. */
    bool (*recode)(struct bytes in, struct bytes *out);
    /* The decoded fields, "  name value" a line; false when refused. */
    bool (*print)(struct bytes in, struct text *out);
    /* A legal object drawn from the seed. */
    struct bytes (*draw)(uint64_t *seed);
};

/* NULL when there is no object of that name. */
const struct wire_object *wire_object_find(const char *name);

/* In the order of the table, ended by a NULL name. */
extern const struct wire_object wire_objects[];

/* What every decoder owes for any bytes at all: it refuses them, or writes the same bytes
 * again.  Aborts otherwise. */
void wire_object_check(const char *name, struct bytes in);

#endif /* TESTS_SUPPORT_WIRE_OBJECTS_H */
