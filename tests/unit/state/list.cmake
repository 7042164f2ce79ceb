set(chain_support ${PROJECT_SOURCE_DIR}/tests/support/chain.c ${PROJECT_SOURCE_DIR}/tests/support/job.c)
unit_test(test_job_life ${CMAKE_CURRENT_LIST_DIR}/test_job_life.c ${chain_support} NEEDS state)
