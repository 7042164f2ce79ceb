#ifndef CLI_JOB_H
#define CLI_JOB_H

#include <stdbool.h>

#include "client/job/job.h"

/* A job's proven state for people, or as JSON. */
void job_print(const struct job_status *status, bool json);

#endif /* CLI_JOB_H */
