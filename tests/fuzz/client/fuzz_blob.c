#include <stdlib.h>

#include "client/blob/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is what would be written: both messages, any bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = bytes_of(data, size);
    struct blob_request request;
    struct blob_answer answer;
    uint8_t buffer[BLOB_REQUEST_SIZE_MAX];
    if (blob_decode_request(in, &request) &&
        !bytes_equal(in, blob_encode_request(&request, buffer))) {
        abort();
    }
    if (blob_decode_answer(in, &answer)) {
        uint8_t *out = malloc(BLOB_ANSWER_OVERHEAD + answer.chunk.size);
        if (out == NULL || !bytes_equal(in, blob_encode_answer(&answer, out))) {
            abort();
        }
        free(out);
    }
    return 0;
}
