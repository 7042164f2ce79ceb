unit_test(test_mempool ${CMAKE_CURRENT_LIST_DIR}/test_mempool.c NEEDS node)
unit_test(test_config ${CMAKE_CURRENT_LIST_DIR}/test_config.c NEEDS node)
unit_test(test_budget ${CMAKE_CURRENT_LIST_DIR}/test_budget.c NEEDS node)
unit_test(test_recent ${CMAKE_CURRENT_LIST_DIR}/test_recent.c NEEDS node)
