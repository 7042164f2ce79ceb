#ifndef CLIENT_SAFETENSORS_NAMES_H
#define CLIENT_SAFETENSORS_NAMES_H

#include "client/safetensors/safetensors.h"

/* "F32" and so on; false for a name that is no known type. */
const char *names_of_dtype(enum safetensors_dtype dtype);
MUST_USE bool names_find_dtype(const char *name, enum safetensors_dtype *out);

/* Bytes of a tensor's data; false if the product does not fit. */
MUST_USE bool names_data_size(const struct safetensors_tensor *tensor, uint64_t *out);

#endif /* CLIENT_SAFETENSORS_NAMES_H */
