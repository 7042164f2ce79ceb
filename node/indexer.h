#ifndef NODE_INDEXER_H
#define NODE_INDEXER_H

#include "store/index/index.h"
#include "wire/api/api.h"

/* Keeps index.db up to date in a thread of its own, off the consensus path.  What it meets is
 * logged and never stops the node: without an index a node knows its last transactions only. */

struct indexer;

/* options: those of the store.  An index that is of no use is deleted and made anew.  NULL: there
 * is none; the log says why. */
struct indexer *indexer_new(struct store *store, const struct store_options *options);
void indexer_free(struct indexer *indexer); /* before store_close; NULL is allowed */

/* TX: height and index of a transaction.  False: not in the index, or there is none (NULL). */
bool indexer_find(const struct indexer *indexer, const struct hash *id, struct api_answer *out);
/* TXS.  False: there is no index, or it cannot be read. */
bool indexer_list(const struct indexer *indexer, const struct api_request *request,
                  struct api_answer *out);

#endif /* NODE_INDEXER_H */
