add_executable(bench_audit ${CMAKE_CURRENT_LIST_DIR}/bench_audit.c
  ${PROJECT_SOURCE_DIR}/tests/support/archive.c)
target_link_libraries(bench_audit PRIVATE client)
