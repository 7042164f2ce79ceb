#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/child.h"
#include "tests/crash/faults.h"
#include "tests/crash/life.h"
#include "tests/support/random.h"

/* Files that changed while nobody looked: each file of a node that was killed is bent, cut and
 * deleted in a copy, and the node is started on it. */

enum { PATH_SIZE = 1024, BLOCKS = 90, LIVES = 3 };
enum { ROW_COUNT = CLASS_COUNT + 2 };

enum harm { HARM_FLIP, HARM_CUT, HARM_DELETE, HARM_COUNT };

static const char *const row_names[ROW_COUNT] = {"journal", "sign.state", "chain log", "state log",
                                                 "tables",  "MANIFEST",   "CURRENT",   "others"};
static const char *const harm_names[HARM_COUNT] = {"one bit flipped", "cut to a part", "deleted"};

struct table {
    struct campaign *campaign;
    const char *whole; /* the damaged node's folders come from here */
    const char *work;
    struct tally cells[ROW_COUNT][HARM_COUNT];
};

static uint32_t row_of(const char *path)
{
    const enum fault_class class = faults_class(path);
    const char *slash = strrchr(path, '/');
    return class != CLASS_OTHER                              ? (uint32_t) class
           : slash != NULL && strcmp(slash, "/CURRENT") == 0 ? CLASS_COUNT
                                                             : CLASS_COUNT + 1;
}

static bool flip(const char *path, off_t size, uint64_t *seed)
{
    uint8_t byte = 0;
    const off_t at = (off_t)random_below(seed, (uint64_t)size);
    const int fd = open(path, O_RDWR);
    const bool read_it = fd >= 0 && pread(fd, &byte, 1, at) == 1;
    byte ^= (uint8_t)(1U << random_below(seed, 8));
    const bool done = read_it && pwrite(fd, &byte, 1, at) == 1;
    (void)close(fd);
    return done;
}

static bool inflict(const char *path, enum harm harm, uint64_t *seed)
{
    struct stat state;
    if (stat(path, &state) != 0 || (state.st_size == 0 && harm != HARM_DELETE)) {
        return false; /* nothing to harm */
    }
    switch (harm) {
    case HARM_FLIP:
        return flip(path, state.st_size, seed);
    case HARM_CUT:
        return truncate(path, (off_t)random_below(seed, (uint64_t)state.st_size)) == 0;
    case HARM_DELETE:
        return unlink(path) == 0;
    case HARM_COUNT:
        return false;
    }
    return false;
}

static void try_harm(struct table *table, const char *name, enum harm harm)
{
    char path[PATH_SIZE];
    struct campaign *campaign = table->campaign;
    struct tally *tally = &table->cells[row_of(name)][harm];
    folders_remove(table->work);
    (void)snprintf(path, sizeof(path), "%s%s", table->work, name);
    if (!folders_copy(table->whole, table->work) || !inflict(path, harm, &campaign->seed)) {
        return;
    }
    tally->met++;
    const int answer = child_check(table->work, true);
    if (answer == LIFE_SOUND) {
        tally->sound++;
    } else if (answer > LIFE_VIOLATED && faults->text[0] != '\0') {
        tally->refused++;
    } else {
        tally->wrong++;
        campaign->wrong++;
        (void)fprintf(stderr, "WRONG: %s %s: %s\n", name, harm_names[harm],
                      answer == CHILD_CRASHED ? "the program crashed" : faults->text);
    }
}

static void harm_folder(struct table *table, const char *folder)
{
    char dir[PATH_SIZE];
    (void)snprintf(dir, sizeof(dir), "%s/%s", table->whole, folder);
    DIR *stream = opendir(dir);
    for (struct dirent *entry = stream == NULL ? NULL : readdir(stream); entry != NULL;
         entry = readdir(stream)) {
        char name[PATH_SIZE];
        (void)snprintf(name, sizeof(name), "/%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        for (uint32_t i = 0; i < table->campaign->lives; i++) {
            try_harm(table, name, HARM_FLIP);
            try_harm(table, name, HARM_CUT);
        }
        try_harm(table, name, HARM_DELETE);
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
}

static void print(const struct table *table)
{
    (void)printf("%-12s", "");
    for (uint32_t harm = 0; harm < HARM_COUNT; harm++) {
        (void)printf("  %24s", harm_names[harm]);
    }
    (void)printf("\n%-12s", "");
    for (uint32_t harm = 0; harm < HARM_COUNT; harm++) {
        (void)printf("  %8s %7s %7s", "refused", "harmless", "WRONG");
    }
    (void)printf("\n");
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        (void)printf("%-12s", row_names[row]);
        for (uint32_t harm = 0; harm < HARM_COUNT; harm++) {
            const struct tally *tally = &table->cells[row][harm];
            (void)printf("  %8u %8u %7u", (unsigned)tally->refused, (unsigned)tally->sound,
                         (unsigned)tally->wrong);
        }
        (void)printf("\n");
    }
    (void)printf("refused: it does not start, and says file or database and the next step.  "
                 "harmless: every block,\nproof and vote is as it was, and the root is the "
                 "model's (unused bytes, what is executed again,\na torn tail)\n\n");
}

/* A node with data in tables and in logs, killed with the last block final. */
static bool prepare(const char *dir)
{
    faults->notarized = 0;
    faults->finalized = 0;
    faults->final = 0;
    faults->plan = (struct fault_plan){.action = KILL_AT_STEP, .where = STEP_END};
    for (uint32_t life = 0; life < LIVES; life++) {
        faults->plan.nth = BLOCKS / LIVES;
        atomic_store(&faults->count, 0);
        faults_settle(dir);
        if (child_live(dir, BLOCKS) != CHILD_KILLED) {
            return false;
        }
    }
    return true;
}

void damage_table(struct campaign *campaign)
{
    static const char *const folders[] = {"journal", "sign", "chain.db", "state.db"};
    char whole[PATH_SIZE];
    char work[PATH_SIZE];
    struct table table = {.campaign = campaign, .whole = whole, .work = work};
    (void)snprintf(whole, sizeof(whole), "%s/whole", campaign->dir);
    (void)snprintf(work, sizeof(work), "%s/work", campaign->dir);
    if (mkdir(whole, 0700) != 0 || mkdir(work, 0700) != 0 || !prepare(whole)) {
        (void)printf("WRONG: no node to damage: %s\n", faults->text);
        campaign->wrong++;
        return;
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        harm_folder(&table, folders[i]);
    }
    print(&table);
    folders_remove(whole);
    folders_remove(work);
    (void)rmdir(whole);
    (void)rmdir(work);
}
