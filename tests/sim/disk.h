#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "store/journal/disk_port.h"
#include "tests/support/random.h"

/* A disk in memory that forgets: what was not synced survives a crash whole, in part, sector
 * by sector, or not at all; a name that was not synced with sync_dir may be gone, or back.  After
 * a failed sync the file reads as if nothing had happened, and the next sync may succeed without
 * the bytes that failed. */

enum { SIM_FILES_MAX = 64, SIM_SECTOR_SIZE = 512 };

struct sim_file {
    char name[DISK_NAME_MAX];         /* empty: not in the directory */
    char durable_name[DISK_NAME_MAX]; /* after a crash that loses the directory */
    uint8_t *now;
    size_t now_size;
    uint8_t *durable;
    size_t durable_size;
    size_t capacity; /* of both */
    size_t dirty_from;
    size_t dirty_to;
};

/* What the last crash did: files with each kind of harm. */
struct sim_harm {
    uint32_t lost, torn, reordered, unnamed;
};

struct sim_disk {
    struct sim_file files[SIM_FILES_MAX];
    struct sim_harm harm;
    uint64_t sync_count;
    bool is_full; /* room bytes can still be written */
    uint64_t room;
    bool sync_lies; /* syncs do nothing and say yes */
    bool eio;       /* as sync_fails, for longer; every other one forgets */
    uint32_t eio_count;
    bool forgets;    /* a failed sync takes for written what it did not write, as Linux does */
    bool fails;      /* every call is an error, until it is cleared */
    bool name_fails; /* the next sync of the directory is an error and syncs nothing */
    bool sync_fails; /* writes reach the file, syncs are errors and sync nothing */
};

void sim_disk_free(struct sim_disk *disk);
struct disk_port sim_disk_port(struct sim_disk *disk);

/* The power goes out. */
void sim_disk_crash(struct sim_disk *disk, uint64_t *seed);

void sim_disk_copy(const struct sim_disk *disk, struct sim_disk *out);
/* Damage at rest: one bit of one file flipped, one sector over another, one file gone.  False:
 * there was nothing to damage. */
bool sim_disk_rot(struct sim_disk *disk, uint64_t *seed);
bool sim_disk_misdirect(struct sim_disk *disk, uint64_t *seed);
bool sim_disk_lose(struct sim_disk *disk, uint64_t *seed);

/* For tests that damage a file; NULL when there is none of that name. */
struct sim_file *sim_disk_file(struct sim_disk *disk, const char *name);

#endif /* TESTS_SIM_DISK_H */
