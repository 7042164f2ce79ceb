#ifndef CLI_TX_H
#define CLI_TX_H

#include "cli/cli.h"
#include "client/tx/tx.h"

/* A command that is one transaction: with the options of connect.h and --key. */
struct tx_wish {
    enum tx_type type;
    const void *body; /* as tx_parts.body */
    const char *done; /* said when it is proven */
    bool choose_seq;  /* the command has --seq */
};
enum exit_code tx_command(const struct cli_call *call, const struct tx_wish *wish,
                          struct error *error);

#endif /* CLI_TX_H */
