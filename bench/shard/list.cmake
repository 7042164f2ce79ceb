add_executable(bench_shard ${CMAKE_CURRENT_LIST_DIR}/bench_shard.c)
target_link_libraries(bench_shard PRIVATE node)
