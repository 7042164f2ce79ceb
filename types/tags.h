#ifndef TYPES_TAGS_H
#define TYPES_TAGS_H

/* Domain separation: enum tag names every kind of digest, see types/tags.def. */

enum tag {
#define TAG(name, text) TAG_##name,
#include "types/tags.def"
#undef TAG
    TAG_COUNT
};

#endif /* TYPES_TAGS_H */
