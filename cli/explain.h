#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <stddef.h>
#include <stdint.h>

/* Words for what a node says of itself (API STATUS): one sentence for the reason why its chain
 * does or does not advance, and lines with what that was judged from. */

struct json_t;

enum { EXPLAIN_TEXT_MAX = 2048 };

/* The sentence, and the lines, each ending in a newline.  status: the node's answer; what an
 * older node does not say is left out.  now_ms: this machine's clock, 0: unknown. */
void explain_sentence(const struct json_t *status, char out[EXPLAIN_TEXT_MAX]);
void explain_lines(const struct json_t *status, uint64_t now_ms, char out[EXPLAIN_TEXT_MAX]);

#endif /* CLI_EXPLAIN_H */
