fuzz_test(fuzz_keyfile ${CMAKE_CURRENT_LIST_DIR}/fuzz_keyfile.c NEEDS crypto)
fuzz_test(fuzz_tree ${CMAKE_CURRENT_LIST_DIR}/fuzz_tree.c NEEDS crypto)
fuzz_test(fuzz_verify ${CMAKE_CURRENT_LIST_DIR}/fuzz_verify.c NEEDS crypto)
