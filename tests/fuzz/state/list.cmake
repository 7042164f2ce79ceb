fuzz_test(fuzz_state_record ${CMAKE_CURRENT_LIST_DIR}/fuzz_state_record.c NEEDS state)
fuzz_test(fuzz_state_block "${CMAKE_CURRENT_LIST_DIR}/fuzz_state_block.c;${PROJECT_SOURCE_DIR}/tests/support/chain.c;${PROJECT_SOURCE_DIR}/tests/support/job.c;${PROJECT_SOURCE_DIR}/tests/support/sets.c" NEEDS state vendor_cmocka)
fuzz_test(fuzz_state_many ${CMAKE_CURRENT_LIST_DIR}/fuzz_state_many.c NEEDS state)
fuzz_test(fuzz_snapshot ${CMAKE_CURRENT_LIST_DIR}/fuzz_snapshot.c NEEDS state)
