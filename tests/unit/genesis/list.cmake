unit_test(test_genesis ${CMAKE_CURRENT_LIST_DIR}/test_genesis.c NEEDS genesis)
