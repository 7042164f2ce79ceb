unit_test(test_state_tree ${CMAKE_CURRENT_LIST_DIR}/test_state_tree.c NEEDS state)
