fuzz_test(fuzz_program ${CMAKE_CURRENT_LIST_DIR}/fuzz_program.c NEEDS vm crypto)
