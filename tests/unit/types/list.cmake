unit_test(test_types ${CMAKE_CURRENT_LIST_DIR}/test_types.c NEEDS types)
