set(chain_support ${PROJECT_SOURCE_DIR}/tests/support/chain.c ${PROJECT_SOURCE_DIR}/tests/support/job.c
  ${PROJECT_SOURCE_DIR}/tests/support/sets.c)
foreach(name state_bounds ledger_room round_rules job_life admission market_rules request_rules plans turns rounds ledger state_random sets sets_refused)
  unit_test(test_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c ${chain_support} NEEDS state)
endforeach()
unit_test(test_evidence ${CMAKE_CURRENT_LIST_DIR}/test_evidence.c
  ${PROJECT_SOURCE_DIR}/tests/support/evidence.c ${chain_support} NEEDS state)
unit_test(test_state_objects ${CMAKE_CURRENT_LIST_DIR}/test_state_objects.c
  ${PROJECT_SOURCE_DIR}/tests/support/text.c ${chain_support} NEEDS state)
add_test(NAME tidy.state_vectors COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/state_vectors.py)
add_test(NAME tidy.state_tables COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/state_tables.py --check)
