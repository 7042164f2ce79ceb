# A chain of many keys: `tools/campaign state10m` has ten million, CI thirty thousand.
if(NOT FUZZ AND NOT SANITIZE)
  add_executable(grow ${CMAKE_CURRENT_LIST_DIR}/grow.c ${CMAKE_CURRENT_LIST_DIR}/fill.c)
  target_link_libraries(grow PRIVATE genesis store)
  add_test(NAME e2e.large COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/state.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:grow> $<TARGET_FILE:liar> 30000 1)
  set_tests_properties(e2e.large PROPERTIES LABELS "e2e;long" TIMEOUT 600 RUN_SERIAL ON)
endif()
