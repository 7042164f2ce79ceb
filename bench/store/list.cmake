add_executable(bench_state ${CMAKE_CURRENT_LIST_DIR}/bench_state.c)
target_link_libraries(bench_state PRIVATE store vendor_rocksdb)
add_executable(bench_proof ${CMAKE_CURRENT_LIST_DIR}/bench_proof.c)
target_link_libraries(bench_proof PRIVATE store)
