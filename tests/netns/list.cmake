# Real processes in network namespaces: root and /dev/net/tun, or the test fails.
if(NOT SANITIZE AND NOT FUZZ)
  add_executable(netns_router ${CMAKE_CURRENT_LIST_DIR}/router.c)
  target_link_libraries(netns_router PRIVATE build_flags)
  target_compile_definitions(netns_router PRIVATE _GNU_SOURCE) # unshare
  add_executable(netns_flood ${CMAKE_CURRENT_LIST_DIR}/flood.c)
  target_link_libraries(netns_flood PRIVATE node)
  add_library(netns_clock MODULE ${CMAKE_CURRENT_LIST_DIR}/clock.c)
  target_link_libraries(netns_clock PRIVATE build_flags)
  target_compile_definitions(netns_clock PRIVATE _GNU_SOURCE) # RTLD_NEXT
  add_test(NAME e2e.netns COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/netns.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:netns_router> $<TARGET_FILE:netns_flood>
    $<TARGET_FILE:netns_clock>)
  set_tests_properties(e2e.netns PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
endif()
