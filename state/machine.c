#include "base/checked.h"
#include "crypto/crypto.h"
#include "state/dispatch.h"
#include "state/market/market.h"
#include "state/sets/sets.h"
#include "state/training/training.h"
#include "wire/wire.h"

enum {
    RESULT_COUNT_MAX = BLOCK_TX_MAX + 1,
    RESULT_BYTES_MAX = RESULT_COUNT_MAX * 24 + STATE_EVENT_COUNT_MAX * 64,
    ARENA_ALIGN = 64,
};

struct state_machine {
    struct hash chain_id;
    struct state_admission *admission;
    struct buffer buffer;
    struct event_log log;
    struct tx *txs; /* as admitted */
    struct bytes *results;
    size_t result_count;
    uint8_t *result_bytes;
    size_t result_used;
    uint8_t *program;
    void *program_arena;
    struct planner_scratch *planner;
};

/* Memory is laid out by walking it twice: once to measure, once to place. */
struct layout {
    uint8_t *base; /* NULL: only measure */
    size_t size;
};

static void *layout_take(struct layout *layout, size_t size)
{
    uint8_t *out = layout->base == NULL ? NULL : layout->base + layout->size;
    layout->size += (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return out;
}

static void layout_buffer(struct layout *layout, struct buffer *buffer)
{
    buffer->entries = layout_take(layout, STATE_WRITE_COUNT_MAX * sizeof(*buffer->entries));
    buffer->slots = layout_take(layout, BUFFER_SLOT_COUNT * sizeof(*buffer->slots));
    buffer->bytes = layout_take(layout, STATE_WRITE_BYTES_MAX);
    buffer->undo = layout_take(layout, BUFFER_UNDO_MAX * sizeof(*buffer->undo));
    buffer->order = layout_take(layout, sizeof(*buffer->order) * 2 * STATE_WRITE_COUNT_MAX);
    buffer->writes = layout_take(layout, STATE_WRITE_COUNT_MAX * sizeof(*buffer->writes));
}

/* Fills *machine with pointers into the layout; returns where the machine itself belongs. */
static struct state_machine *layout_machine(struct layout *layout, struct state_machine *machine,
                                            void **admission)
{
    struct state_machine *place = layout_take(layout, sizeof(*machine));
    *admission = layout_take(layout, state_admission_footprint());
    layout_buffer(layout, &machine->buffer);
    machine->log.first = layout_take(layout, STATE_EVENT_COUNT_MAX * sizeof(struct event));
    machine->txs = layout_take(layout, BLOCK_TX_MAX * sizeof(struct tx));
    machine->results = layout_take(layout, RESULT_COUNT_MAX * sizeof(struct bytes));
    machine->result_bytes = layout_take(layout, RESULT_BYTES_MAX);
    machine->program = layout_take(layout, PROGRAM_SIZE_MAX);
    machine->program_arena = layout_take(layout, PROGRAM_ARENA_SIZE);
    machine->planner = layout_take(layout, planner_footprint());
    return place;
}

size_t state_footprint(void)
{
    struct state_machine machine = {0};
    struct layout layout = {0};
    void *admission = NULL;
    (void)layout_machine(&layout, &machine, &admission);
    return layout.size + ARENA_ALIGN;
}

struct state_machine *state_init(void *memory, const struct state_admission_config *config)
{
    struct state_machine machine = {.chain_id = config->chain_id};
    const size_t skew = (uintptr_t)memory % ARENA_ALIGN;
    struct layout layout = {.base = (uint8_t *)memory + (skew == 0 ? 0 : ARENA_ALIGN - skew)};
    void *admission = NULL;
    struct state_machine *place = layout_machine(&layout, &machine, &admission);
    /* Only what is read before it is written: the rest is touched as blocks need it. */
    memset(machine.buffer.slots, 0, BUFFER_SLOT_COUNT * sizeof(*machine.buffer.slots));
    machine.admission = state_admission_init(admission, config);
    *place = machine;
    return place;
}

/* ---- Results ----------------------------------------------------------------------- */

static void write_events(struct wire_writer *writer, const struct event *events, uint32_t count)
{
    wire_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_write_array(writer, 4);
        wire_write_u64(writer, events[i].kind);
        wire_write_hash(writer, &events[i].id);
        wire_write_u64(writer, events[i].a);
        wire_write_u64(writer, events[i].b);
    }
}

/* Appends RESULT [code, consumed, events] over the events logged since the last one. */
static void result_add(struct state_machine *machine, enum code code, uint64_t consumed)
{
    struct wire_writer writer;
    wire_writer_init(&writer, machine->result_bytes + machine->result_used,
                     RESULT_BYTES_MAX - machine->result_used);
    wire_write_array(&writer, 3);
    wire_write_u64(&writer, (uint64_t)code);
    wire_write_u64(&writer, consumed);
    write_events(&writer, machine->log.events, machine->log.count);
    struct bytes *result = &machine->results[machine->result_count++];
    const bool fits = wire_writer_end(&writer, result);
    ASSERT(fits);
    machine->result_used += result->size;
    machine->log.events += machine->log.count;
    machine->log.count = 0;
}

static void results_root(const struct state_machine *machine, struct hash *out)
{
    struct crypto_tree tree;
    crypto_tree_init(&tree, TAG_RESULT_TREE);
    for (size_t i = 0; i < machine->result_count; i++) {
        crypto_tree_append(&tree, machine->results[i]);
    }
    crypto_tree_root(&tree, out);
}

/* ---- Blocks ------------------------------------------------------------------------ */

void state_certify_block(struct state_machine *machine, const struct state_view *view,
                         const struct state_block *block, struct state_outcome *out)
{
    *out = (struct state_outcome){.verdict = STATE_OK};
    if (block->tx_count > BLOCK_TX_MAX) {
        *out = (struct state_outcome){
            .verdict = STATE_BAD, .bad_index = BLOCK_TX_MAX, .bad_code = CODE_E_LIMIT};
        return;
    }
    state_admission_begin(machine->admission, view, block->time_ms);
    for (size_t i = 0; i < block->tx_count; i++) {
        const enum code code =
            state_admit(machine->admission, block->txs[i], STATE_ADMIT_COUNT, &machine->txs[i]);
        if (code != CODE_OK) {
            *out = (struct state_outcome){.verdict = STATE_BAD, .bad_index = i, .bad_code = code};
            return;
        }
    }
}

/* The sequence number and quota are used up whatever becomes of it.  Evidence has neither. */
static enum code execute_tx(struct execution *x, const struct tx *tx, bool has_room)
{
    struct account sender = {.version = RECORD_VERSION};
    if (tx->type != TX_EVIDENCE) {
        ledger_consume(x, tx, &sender);
    }
    if (!has_room) {
        return CODE_E_BLOCK_FULL;
    }
    buffer_mark(x->buffer);
    const enum code code = dispatch_tx(x, tx, &sender);
    if (code == CODE_OK) {
        buffer_keep(x->buffer);
        return code;
    }
    buffer_rollback(x->buffer);
    x->log->count = 0;
    program_drop_refused(x);
    return code;
}

static void execute_txs(struct state_machine *machine, struct execution *x)
{
    const size_t count = x->block->tx_count;
    for (size_t i = 0; i < count; i++) {
        const struct tx *tx = &machine->txs[i];
        const bool has_room = buffer_has_room(x->buffer, count - i) && events_have_room(x->log);
        result_add(machine, execute_tx(x, tx, has_room), ledger_units(tx));
    }
}

static void execute_deadlines(struct execution *x)
{
    struct item due;
    for (uint64_t i = 0; i < x->params.expiries_max; i++) {
        if (!wheel_first(x->buffer, &due) || due.time_ms > x->now_ms ||
            !buffer_has_room(x->buffer, 0) || !events_have_room(x->log)) {
            return;
        }
        dispatch_deadline(x, &due);
    }
}

static void check_conservation(const struct buffer *buffer)
{
    const struct buffer_money money = buffer_money(buffer);
    ASSERT(money.now == money.before); /* I1: a difference is our own error */
}

void state_execute_block(struct state_machine *machine, const struct state_view *view,
                         const struct state_block *block, struct state_outcome *out)
{
    state_certify_block(machine, view, block, out);
    if (out->verdict != STATE_OK) {
        return;
    }
    buffer_begin(&machine->buffer, view);
    machine->result_count = 0;
    machine->result_used = 0;
    machine->log.events = machine->log.first;
    machine->log.count = 0;
    struct execution x = {
        .buffer = &machine->buffer,
        .log = &machine->log,
        .block = block,
        .chain_id = machine->chain_id,
        .program = machine->program,
        .program_arena = machine->program_arena,
        .planner = machine->planner,
        .budget = {.program_size = PROGRAM_CHECK_BLOCK_SIZE_MAX,
                   .possessions = POSSESSION_BLOCK_MAX},
    };
    clock_begin(&x);
    /* What the clock reports belongs to the block, not to its first transaction. */
    const uint32_t clock_events = machine->log.count;
    struct event outage = {0};
    if (clock_events > 0) {
        outage = machine->log.events[0];
        machine->log.count = 0;
    }
    sets_begin(&x);
    execute_txs(machine, &x);
    if (clock_events > 0) {
        ledger_event(&x, (enum event_kind)outage.kind, &outage.id, outage.a, outage.b);
    }
    if (block->tx_count > 0) {
        ledger_purge(&x);
    }
    execute_deadlines(&x);
    rounds_draw(&x);
    sets_end(&x);
    /* Whatever wrote a key, or would have, changed something: nothing else writes. */
    out->changed = block->tx_count > 0 || machine->buffer.entry_count > 0;
    if (out->changed) {
        clock_end(&x);
    }
    result_add(machine, CODE_OK, 0);
    check_conservation(&machine->buffer);
    out->writes = buffer_writes(&machine->buffer);
    out->results = machine->results;
    out->result_count = machine->result_count;
    results_root(machine, &out->results_root);
}

/* ---- Idleness ---------------------------------------------------------------------- */

struct state_due state_next_due(const struct state_view *view)
{
    struct state_due due = {0};
    struct item first;
    struct clock clock;
    const struct key key = key_global(GLOBAL_CLOCK);
    const bool present = state_read(view, &key, &record_clock, &clock);
    ASSERT(present);
    due.waiting = state_read_count(view, COLLECTION_DRAWS, owner_none()) > 0 || sets_wait(view);
    if (state_read_item(view, COLLECTION_WHEEL, owner_none(), 0, &first)) {
        due.scheduled = true;
        if (!checked_add(first.time_ms, clock.outage_ms, &due.time_ms)) {
            due.time_ms = UINT64_MAX;
        }
    }
    return due;
}

bool state_block_is_due(const struct state_view *view, uint64_t time_ms)
{
    const struct state_due due = state_next_due(view);
    return due.waiting || (due.scheduled && time_ms >= due.time_ms);
}

/* ---- Genesis ----------------------------------------------------------------------- */

static bool view_nothing(void *context, struct bytes key, struct bytes *value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

static void genesis_globals(struct buffer *buffer, const struct state_genesis *genesis,
                            uint64_t supply)
{
    struct chain chain = {.version = RECORD_VERSION,
                          .chain_id = genesis->chain_id,
                          .name_size = (uint32_t)genesis->name.size,
                          .header_ms = genesis->time_ms};
    ASSERT(genesis->name.size <= sizeof(chain.name));
    memcpy(chain.name, genesis->name.data, genesis->name.size);
    struct clock clock = {
        .version = RECORD_VERSION, .header_ms = genesis->time_ms, .ledger_ms = genesis->time_ms};
    crypto_digest(TAG_BEACON, bytes_of(genesis->chain_id.bytes, HASH_SIZE), &clock.beacon);
    const struct totals totals = {.version = RECORD_VERSION, .supply = supply};
    const struct planner planner = {.version = RECORD_VERSION};
    const struct purge purge = {.version = RECORD_VERSION, .minute = genesis->time_ms / 60000};
    const struct {
        enum key_global which;
        const struct record *record;
        const void *object;
    } globals[] = {
        {GLOBAL_PARAMS, &record_params, &genesis->params},
        {GLOBAL_CHAIN, &record_chain, &chain},
        {GLOBAL_CLOCK, &record_clock, &clock},
        {GLOBAL_TOTALS, &record_totals, &totals},
        {GLOBAL_PLANNER, &record_planner, &planner},
        {GLOBAL_PURGE, &record_purge, &purge},
    };
    for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        const struct key key = key_global(globals[i].which);
        buffer_write(buffer, &key, globals[i].record, globals[i].object);
    }
}

static void genesis_validators(struct buffer *buffer, const struct validator_set *set)
{
    uint8_t encoded[WIRE_VALIDATOR_SET_SIZE_MAX];
    struct wire_writer writer;
    struct bytes value;
    wire_writer_init(&writer, encoded, sizeof(encoded));
    wire_write_validator_set(&writer, set);
    const bool fits = wire_writer_end(&writer, &value);
    ASSERT(fits);
    const struct key key = key_global(GLOBAL_VALIDATORS);
    buffer_put(buffer, &key, value);
}

void state_execute_genesis(struct state_machine *machine, const struct state_genesis *genesis,
                           struct state_writes *out)
{
    static const struct state_view nothing = {.get = view_nothing};
    struct buffer *buffer = &machine->buffer;
    uint64_t supply = 0;
    buffer_begin(buffer, &nothing);
    for (size_t i = 0; i < genesis->account_count; i++) {
        const struct account *account = &genesis->accounts[i];
        struct address address;
        crypto_address(&account->public_key, &address);
        const struct key key = key_account(&address);
        buffer_write(buffer, &key, &record_account, account);
        supply += account->available;
    }
    ASSERT(supply <= SUPPLY_MAX);
    for (uint32_t i = 0; i < genesis->org_count; i++) {
        const struct key key = key_org(i);
        buffer_write(buffer, &key, &record_org, &genesis->orgs[i]);
    }
    genesis_globals(buffer, genesis, supply);
    genesis_validators(buffer, genesis->validators);
    *out = buffer_writes(buffer);
}
