set(chain_support ${PROJECT_SOURCE_DIR}/tests/support/chain.c ${PROJECT_SOURCE_DIR}/tests/support/job.c)
foreach(name job_life admission market_rules request_rules plans rounds ledger state_random)
  unit_test(test_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c ${chain_support} NEEDS state)
endforeach()
