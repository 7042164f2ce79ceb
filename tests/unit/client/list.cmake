unit_test(test_safetensors ${CMAKE_CURRENT_LIST_DIR}/test_safetensors.c NEEDS client)
unit_test(test_pool ${CMAKE_CURRENT_LIST_DIR}/test_pool.c NEEDS client)
