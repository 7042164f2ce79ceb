fuzz_test(fuzz_consensus ${CMAKE_CURRENT_LIST_DIR}/fuzz_consensus.c NEEDS consensus)
