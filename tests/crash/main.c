#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/child.h"
#include "tests/crash/faults.h"

/* crash [LIVES [SEED]]: the crash matrix of the storage, LIVES in each of its cells.  Ends with 1
 * when anything was lost or damage was accepted. */

int main(int argc, char **argv)
{
    char dir[] = "/tmp/gradus-crash-XXXXXX";
    struct campaign campaign = {.seed = 1, .lives = 1};
    if (argc > 1) {
        campaign.lives = (uint32_t)strtoul(argv[1], NULL, 10);
    }
    if (argc > 2) {
        campaign.seed = strtoull(argv[2], NULL, 10);
    }
    if (campaign.lives == 0 || mkdtemp(dir) == NULL) {
        (void)fprintf(stderr, "crash [LIVES [SEED]]\n");
        return 2;
    }
    campaign.dir = dir;
    faults_make();
    (void)printf("%u in each cell, seed %llu\n\n", (unsigned)campaign.lives,
                 (unsigned long long)campaign.seed);
    crash_table(&campaign);
    step_table(&campaign);
    folders_remove(dir);
    damage_table(&campaign);
    (void)rmdir(dir);
    (void)printf(campaign.wrong == 0 ? "nothing was lost, no damage was accepted\n"
                                     : "%u things are WRONG\n",
                 (unsigned)campaign.wrong);
    return campaign.wrong == 0 ? 0 : 1;
}
