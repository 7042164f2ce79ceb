unit_test(test_sha256 ${CMAKE_CURRENT_LIST_DIR}/test_sha256.c NEEDS crypto)
unit_test(test_tree ${CMAKE_CURRENT_LIST_DIR}/test_tree.c NEEDS crypto)
unit_test(test_key ${CMAKE_CURRENT_LIST_DIR}/test_key.c NEEDS crypto)
add_test(NAME tidy.tag_table COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/tag_table.py --check)
