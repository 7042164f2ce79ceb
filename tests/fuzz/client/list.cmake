fuzz_test(fuzz_safetensors ${CMAKE_CURRENT_LIST_DIR}/fuzz_safetensors.c NEEDS client)
fuzz_test(fuzz_blob ${CMAKE_CURRENT_LIST_DIR}/fuzz_blob.c NEEDS client)
