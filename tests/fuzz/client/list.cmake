fuzz_test(fuzz_safetensors ${CMAKE_CURRENT_LIST_DIR}/fuzz_safetensors.c NEEDS client)
