fuzz_test(fuzz_history ${CMAKE_CURRENT_LIST_DIR}/fuzz_history.c NEEDS store)
fuzz_test(fuzz_state_proof ${CMAKE_CURRENT_LIST_DIR}/fuzz_state_proof.c NEEDS state)
