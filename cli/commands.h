#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

/* Every command, in the order of `gradus --help`: COMMAND(name of its struct). */
#define CLI_COMMANDS(COMMAND)                                                                      \
    COMMAND(cli_status)                                                                            \
    COMMAND(cli_localnet_up)                                                                       \
    COMMAND(cli_localnet_status)                                                                   \
    COMMAND(cli_localnet_down)                                                                     \
    COMMAND(cli_job_run)                                                                           \
    COMMAND(cli_job_status)                                                                        \
    COMMAND(cli_job_fetch)                                                                         \
    COMMAND(cli_job_cancel)                                                                        \
    COMMAND(cli_worker_run)                                                                        \
    COMMAND(cli_offer_cancel)                                                                      \
    COMMAND(cli_model_compile)                                                                     \
    COMMAND(cli_model_train)                                                                       \
    COMMAND(cli_model_sample)                                                                      \
    COMMAND(cli_tx_transfer)                                                                       \
    COMMAND(cli_tx_nop)                                                                            \
    COMMAND(cli_query_head)                                                                        \
    COMMAND(cli_query_account)                                                                     \
    COMMAND(cli_query_job)                                                                         \
    COMMAND(cli_query_object)                                                                      \
    COMMAND(cli_query_tx)                                                                          \
    COMMAND(cli_query_txs)                                                                         \
    COMMAND(cli_query_block)                                                                       \
    COMMAND(cli_validator_list)                                                                    \
    COMMAND(cli_validator_propose)                                                                 \
    COMMAND(cli_validator_approve)                                                                 \
    COMMAND(cli_validator_ready)                                                                   \
    COMMAND(cli_history_export)                                                                    \
    COMMAND(cli_history_ls)                                                                        \
    COMMAND(cli_history_show)                                                                      \
    COMMAND(cli_history_cat)                                                                       \
    COMMAND(cli_history_verify)                                                                    \
    COMMAND(cli_history_split)                                                                     \
    COMMAND(cli_history_merge)                                                                     \
    COMMAND(cli_snapshot_create)                                                                   \
    COMMAND(cli_snapshot_verify)                                                                   \
    COMMAND(cli_snapshot_restore)                                                                  \
    COMMAND(cli_audit_replay)                                                                      \
    COMMAND(cli_keys_new)                                                                          \
    COMMAND(cli_keys_show)                                                                         \
    COMMAND(cli_genesis_make)                                                                      \
    COMMAND(cli_genesis_show)                                                                      \
    COMMAND(cli_node_run)                                                                          \
    COMMAND(cli_node_guard)                                                                        \
    COMMAND(cli_node_status)                                                                       \
    COMMAND(cli_db_check)                                                                          \
    COMMAND(cli_db_stats)                                                                          \
    COMMAND(cli_db_diff)                                                                           \
    COMMAND(cli_db_rollback)                                                                       \
    COMMAND(cli_db_compact)                                                                        \
    COMMAND(cli_db_prune)                                                                          \
    COMMAND(cli_db_reindex)                                                                        \
    COMMAND(cli_backup_create)                                                                     \
    COMMAND(cli_backup_verify)                                                                     \
    COMMAND(cli_backup_restore)                                                                    \
    COMMAND(cli_version)

#define DECLARE(name) extern const struct cli_command name;
CLI_COMMANDS(DECLARE)
#undef DECLARE

#endif /* CLI_COMMANDS_H */
