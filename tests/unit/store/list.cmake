unit_test(test_tier ${CMAKE_CURRENT_LIST_DIR}/test_tier.c NEEDS store)
unit_test(test_store ${CMAKE_CURRENT_LIST_DIR}/test_store.c
  ${PROJECT_SOURCE_DIR}/tests/support/toy_ledger.c NEEDS store)
unit_test(test_history ${CMAKE_CURRENT_LIST_DIR}/test_history.c NEEDS store)
unit_test(test_store_faults ${CMAKE_CURRENT_LIST_DIR}/test_store_faults.c
  ${PROJECT_SOURCE_DIR}/tests/support/toy_ledger.c NEEDS store)
set(toy_node ${PROJECT_SOURCE_DIR}/tests/support/toy_node.c
  ${PROJECT_SOURCE_DIR}/tests/support/toy_ledger.c)
unit_test(test_inspect ${CMAKE_CURRENT_LIST_DIR}/test_inspect.c ${toy_node} NEEDS store)
unit_test(test_repair ${CMAKE_CURRENT_LIST_DIR}/test_repair.c ${toy_node} NEEDS store)
unit_test(test_backup ${CMAKE_CURRENT_LIST_DIR}/test_backup.c
  ${PROJECT_SOURCE_DIR}/tests/support/toy_ledger.c NEEDS store)
add_test(NAME tidy.history_vectors
  COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/history_model.py --check)
unit_test(test_sealed ${CMAKE_CURRENT_LIST_DIR}/test_sealed.c NEEDS store)
target_link_options(test_sealed PRIVATE -Wl,--wrap=rename -Wl,--wrap=unlink -Wl,--wrap=fsync
  -Wl,--wrap=rocksdb_write -Wl,--wrap=rocksdb_compact_range_cf)
unit_test(test_sealed_check ${CMAKE_CURRENT_LIST_DIR}/test_sealed_check.c ${toy_node} NEEDS store)
unit_test(test_index ${CMAKE_CURRENT_LIST_DIR}/test_index.c NEEDS store)
