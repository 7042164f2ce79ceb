# Twins: two processes with one key, every way to split five processes and to choose leaders.
add_executable(twins ${CMAKE_CURRENT_LIST_DIR}/twins.c)
target_link_libraries(twins PRIVATE simulator)
if(NOT FUZZ AND NOT SANITIZE)
  add_test(NAME sim.twins COMMAND twins --views 2)
  set_tests_properties(sim.twins PROPERTIES LABELS "sim;long" TIMEOUT 900)
endif()
