add_executable(bench_matmul ${CMAKE_CURRENT_LIST_DIR}/bench_matmul.c)
target_link_libraries(bench_matmul PRIVATE vm dl)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64") # the reference is x87 arithmetic
  add_executable(vm_exhaustive ${CMAKE_CURRENT_LIST_DIR}/vm_exhaustive.c)
  target_link_libraries(vm_exhaustive PRIVATE vm m)
endif()
