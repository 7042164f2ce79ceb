#ifndef STORE_JOURNAL_CRC32C_H
#define STORE_JOURNAL_CRC32C_H

#include <stdint.h>

#include "base/bytes.h"

/* CRC-32C of bytes, going on from crc (0 to begin): finds torn and rotten data, proves
 * nothing against people. */
uint32_t crc32c(uint32_t crc, struct bytes bytes);

#endif /* STORE_JOURNAL_CRC32C_H */
