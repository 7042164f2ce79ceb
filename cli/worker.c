#include "client/worker/worker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/stop.h"
#include "client/model/model.h"
#include "crypto/keyfile/keyfile.h"

enum { THREADS_MAX = 64, NICE_MAX = 19, MEMORY_MIB_MAX = 1 << 30 };

static void show(void *context, const struct worker_progress *progress)
{
    const bool *terminal = context;
    char earned[32];
    connect_credits(progress->earned, earned);
    if (progress->has_job) {
        (void)fprintf(stderr,
                      "%sround %u/%u  %-10s step %u/%u  loss %.3f  ETA %llu s  earned %s   %s",
                      *terminal ? "\r" : "", progress->round + 1, progress->rounds,
                      worker_action_text(progress->action), progress->step, progress->steps,
                      (double)progress->loss, (unsigned long long)(progress->eta_ms / 1000), earned,
                      *terminal ? "" : "\n");
    } else {
        (void)fprintf(stderr, "%swaiting for a lease   %s", *terminal ? "\r" : "",
                      *terminal ? "" : "\n");
    }
}

static bool read_numbers(const struct cli_call *call, struct worker_config *config,
                         struct error *error)
{
    uint64_t threads = 0;
    uint64_t nice_value = 0;
    uint64_t leases = 0;
    uint64_t linger = 0;
    uint64_t memory = 0;
    if (!cli_number(call, "memory", (struct cli_range){0, MEMORY_MIB_MAX}, &memory, error) ||
        !cli_number(call, "threads", (struct cli_range){1, THREADS_MAX}, &threads, error) ||
        !cli_number(call, "nice", (struct cli_range){0, NICE_MAX}, &nice_value, error) ||
        !cli_number(call, "leases", (struct cli_range){0, UINT32_MAX}, &leases, error) ||
        !cli_number(call, "linger", (struct cli_range){0, 3600}, &linger, error) ||
        !cli_number(call, "price", (struct cli_range){0, UINT64_MAX / 2}, &config->price_per_second,
                    error)) {
        return false;
    }
    config->threads = (uint32_t)threads;
    config->nice = (int)nice_value;
    config->leases_max = (uint32_t)leases;
    config->linger_ms = (uint32_t)linger * 1000;
    config->memory_max = memory << 20;
    return true;
}

/* The provider's own key trains when no other is named. */
static bool load_worker_key(const struct cli_call *call, struct crypto_key **out,
                            struct error *error)
{
    const struct crypto_keyfile file = {.path = cli_text(call, "worker-key"),
                                        .kind = CRYPTO_KEYFILE_WORKER};
    *out = NULL;
    return file.path == NULL || crypto_keyfile_load(&file, out, error);
}

static bool train(const struct cli_call *call, struct worker_config *config, struct error *error)
{
    struct crypto_key *worker = NULL;
    if (!load_worker_key(call, &worker, error)) {
        return false;
    }
    config->worker = worker != NULL ? worker : config->provider;
    const bool ok = worker_run(config, error);
    crypto_key_free(worker);
    return ok;
}

static enum exit_code run(struct cli_call *call, struct error *error)
{
    struct connection connection;
    bool terminal = isatty(STDERR_FILENO) == 1;
    struct worker_config config = {.progress = show, .context = &terminal, .stop = stop_catch()};
    config.endpoint = cli_text(call, "endpoint");
    if (!cli_required(call, "journal", &config.journal, error) ||
        !cli_required(call, "listen", &config.listen, error) ||
        !read_numbers(call, &config, error) ||
        !model_isa_find(cli_text(call, "isa"), &config.isa, error) ||
        !connect_open(call, true, &connection, error)) {
        return error->code;
    }
    config.light = connection.light;
    config.record = cli_flag(call, "record");
    config.cancel_offer = cli_flag(call, "cancel-offer");
    config.provider = connection.key;
    const bool ok = train(call, &config, error);
    connect_close(&connection);
    return ok ? EXIT_CODE_OK : error->code;
}

const struct cli_command cli_worker_run = {
    .noun = "worker",
    .verb = "run",
    .help = "offer this machine and train for whoever leases it, until SIGTERM",
    .text_only = true,
    .run = run,
    .options = {CONNECT_OPTIONS,
                {"key", "FILE", NULL, "the provider's account key"},
                {"worker-key", "FILE", NULL, "the machine's own key (keys new --kind worker)"},
                {"journal", "DIR", NULL, "what survives a crash; one folder a worker"},
                {"listen", "HOST:PORT", NULL, "where the other members reach this one"},
                {"endpoint", "HOST:PORT", NULL, "what they are told, when it differs"},
                {"price", "N", "100000000", "base units for a second of planned training"},
                {"threads", "N", "1", "threads that compute"},
                {"memory", "MIB", "0", "memory a lease may take; 0: three quarters of the RAM"},
                {"nice", "N", "10", "how much it steps back for other programs"},
                {"leases", "N", "0", "end after so many leases; 0: never"},
                {"record", NULL, NULL, "keep every round's start in the journal, for audits"},
                {"cancel-offer", NULL, NULL, "withdraw the offer when it ends in order"},
                {"linger", "SECONDS", "60", "serve the last state so long after a lease"},
                {"isa", "NAME", "auto", "plain, fma, avx2, avx512 or auto: the same bits"}}};
