unit_test(test_mempool ${CMAKE_CURRENT_LIST_DIR}/test_mempool.c NEEDS node)
unit_test(test_config ${CMAKE_CURRENT_LIST_DIR}/test_config.c NEEDS node)
unit_test(test_budget ${CMAKE_CURRENT_LIST_DIR}/test_budget.c NEEDS node)
unit_test(test_recent ${CMAKE_CURRENT_LIST_DIR}/test_recent.c NEEDS node)
unit_test(test_shard ${CMAKE_CURRENT_LIST_DIR}/test_shard.c NEEDS node)
add_test(NAME tidy.shard_vectors COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/shard_model.py --check)
set(lone ${CMAKE_CURRENT_LIST_DIR}/lone.c)
foreach(name driver catchup explain sync)
  unit_test(test_node_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c ${lone} NEEDS node)
  target_link_options(test_node_${name} PRIVATE -Wl,--wrap=clock_gettime
    -Wl,--wrap=store_block_id -Wl,--wrap=store_overlay_add -Wl,--wrap=net_reply
    -Wl,--wrap=blocks_build)
endforeach()
target_link_libraries(test_node_explain PRIVATE vendor_jansson)
