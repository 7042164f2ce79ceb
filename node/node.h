#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/error.h"
#include "node/config.h"

/* A validator node in this process.  Runs until SIGTERM or SIGINT (EXIT_CODE_OK) or until
 * it must stop by itself; then *error says why and the code is that of base/exit_codes.def. */
enum exit_code node_run(const struct node_config *config, struct error *error);

/* The record of this validator's votes is lost: make a sign.state that permits none until the
 * others have moved past all of them (34.5).  False: *error; nothing else was changed. */
bool node_guard(const struct node_config *config, struct error *error);

#endif /* NODE_NODE_H */
