add_executable(bench_network ${CMAKE_CURRENT_LIST_DIR}/bench_network.c)
target_link_libraries(bench_network PRIVATE cli Threads::Threads)
