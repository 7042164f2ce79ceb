unit_test(test_cli_explain ${CMAKE_CURRENT_LIST_DIR}/test_explain.c NEEDS cli)
target_link_libraries(test_cli_explain PRIVATE vendor_jansson)
