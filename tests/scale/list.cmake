# The network model: `scale` prints what a hundred validators with 80 ms links cost.
add_executable(scale ${CMAKE_CURRENT_LIST_DIR}/main.c ${CMAKE_CURRENT_LIST_DIR}/validator.c
  ${CMAKE_CURRENT_LIST_DIR}/message.c ${CMAKE_CURRENT_LIST_DIR}/block.c
  ${CMAKE_CURRENT_LIST_DIR}/network.c)
target_link_libraries(scale PRIVATE node consensus crypto wire)
if(NOT FUZZ AND NOT SANITIZE)
  add_test(NAME scale.sample COMMAND scale --views 4)
  set_tests_properties(scale.sample PROPERTIES LABELS sim TIMEOUT 600)
endif()
