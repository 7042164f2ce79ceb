# The crash matrix: `crash 10` is the campaign's.
file(GLOB crash_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
if(NOT FUZZ AND NOT SANITIZE)
  add_executable(crash ${crash_sources} ${PROJECT_SOURCE_DIR}/tests/support/toy_ledger.c)
  set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/faults.c
    PROPERTIES COMPILE_DEFINITIONS _GNU_SOURCE)
  target_link_libraries(crash PRIVATE store)
  add_test(NAME crash.sample COMMAND crash 1)
  set_tests_properties(crash.sample PROPERTIES LABELS "crash;long" TIMEOUT 600)
endif()
