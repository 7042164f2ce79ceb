unit_test(test_codec ${CMAKE_CURRENT_LIST_DIR}/test_codec.c NEEDS wire)
