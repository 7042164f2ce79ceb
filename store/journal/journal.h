#ifndef STORE_JOURNAL_JOURNAL_H
#define STORE_JOURNAL_JOURNAL_H

#include "store/journal/disk_port.h"
#include "types/types.h"

/* The journal (J2): what a node must still know after a crash about views that are not final
 * yet.  Proposals with their block bytes, certificates used, certify OK, own votes.
 *
 *      journal_append ... journal_append, journal_sync     one turn of the node: one fdatasync
 *
 * Segment files "journal-<16 hex digits>", each a 40-byte header and records:
 *
 *      size u32 | type u8 | epoch u64 | view u64 | payload | crc32c u32      little-endian
 *
 * size counts type..payload; the CRC covers size..payload.  Each sync unit begins with a
 * BEGIN record that carries the unit's number and the random salt of the segment's header.
 * Recovery: the last unit may be torn, and is cut off at its first bad record; a bad record
 * with a later unit behind it, or in an older segment, was durable once: the journal refuses to
 * open and names file and offset.  Without the salt the author of a block could put a BEGIN
 * into its bytes, and a kill while that block is written would look like such damage.
 *
 * A kill before the sync, or a sync that failed, leaves a unit that reads as whole and is in memory
 * alone: opening writes the newest unit again and syncs it (docs/decisions/0011).
 *
 * The payload is opaque here; what the node puts there stands beside each type.  Nothing is
 * ever changed: segments are added, and removed once all their views are final. */

struct journal;

enum journal_type {
    JOURNAL_PROPOSAL = 1,    /* PROPOSAL message: light, rest, signature, block */
    JOURNAL_CERTIFICATE = 2, /* CERT message */
    JOURNAL_CERTIFIED = 3,   /* proposal hash: certify said OK (K10) */
    JOURNAL_VOTE = 4,        /* kind u8, proposal hash: an own vote, without signature */
    JOURNAL_WITNESS = 5,     /* u64: how often sign.state had been written (sign_state_compare) */
    JOURNAL_EVIDENCE = 6,    /* body of EVIDENCE: two votes of somebody, not on chain yet */
};

enum {
    JOURNAL_PAYLOAD_SIZE_MAX = FRAME_SIZE_MAX, /* a proposal message fits a frame */
    JOURNAL_SEGMENT_VIEWS = 256,               /* a segment is closed after so many views, */
    JOURNAL_SEGMENT_SIZE = 64 << 20,           /* or so many bytes, at the next sync */
};

struct journal_record {
    enum journal_type type;
    uint64_t epoch;
    uint64_t view;
    struct bytes payload; /* borrowed */
};

typedef void journal_visit(void *context, const struct journal_record *record);

/* Open or make the journal in the port's directory; every record is visited in the order of
 * appending, and all of it is durable when this returns true.  port is copied; what its context
 * points to must outlive the journal.
 * EXIT_CODE_CORRUPT as said above, EXIT_CODE_BAD_VERSION for another format. */
MUST_USE bool journal_open(const struct disk_port *port, journal_visit *visit, void *context,
                           struct journal **out, struct error *error);
void journal_close(struct journal *journal); /* what was not synced is lost; NULL is allowed */

/* Add to the unit in memory.  Never fails: the node has bounded what it keeps unsynced. */
void journal_append(struct journal *journal, const struct journal_record *record);

/* Write the unit and make it durable.  Nothing to do: no disk access.  After a failure the
 * journal refuses everything. */
MUST_USE bool journal_sync(struct journal *journal, struct error *error);

/* Everything in (epoch, view) that was synced, for peers that ask for old certificates. */
struct journal_place {
    uint64_t epoch;
    uint64_t view;
};
MUST_USE bool journal_read_view(struct journal *journal, struct journal_place place,
                                journal_visit *visit, void *context, struct error *error);

/* Remove segments whose views are all <= (epoch, view), lexicographically: they are final and
 * chain.db has been synced. */
MUST_USE bool journal_prune(struct journal *journal, uint64_t epoch, uint64_t view,
                            struct error *error);

struct journal_status {
    uint32_t segment_count;
    uint64_t size;           /* bytes on disk */
    uint64_t truncated_size; /* bytes of a torn tail that open() cut off */
    uint64_t sync_count;
    uint64_t unit; /* number of the newest durable sync unit; 0: none yet */
};

void journal_status(const struct journal *journal, struct journal_status *out);

#endif /* STORE_JOURNAL_JOURNAL_H */
