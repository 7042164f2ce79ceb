# `tree 1000000` is the campaign's.
if(NOT FUZZ)
  add_executable(tree ${CMAKE_CURRENT_LIST_DIR}/tree.c)
  target_link_libraries(tree PRIVATE store)
  add_test(NAME property.tree COMMAND tree 100000)
  set_tests_properties(property.tree PROPERTIES TIMEOUT 600)
endif()
