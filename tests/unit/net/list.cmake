set(net_support ${CMAKE_CURRENT_LIST_DIR}/support.c)
unit_test(test_net ${CMAKE_CURRENT_LIST_DIR}/test_net.c ${net_support} NEEDS net)
unit_test(test_handshake ${CMAKE_CURRENT_LIST_DIR}/test_handshake.c ${net_support} NEEDS net)
unit_test(test_frame ${CMAKE_CURRENT_LIST_DIR}/test_frame.c ${net_support} NEEDS net)
unit_test(test_hostile ${CMAKE_CURRENT_LIST_DIR}/test_hostile.c ${CMAKE_CURRENT_LIST_DIR}/raw.c
          ${PROJECT_SOURCE_DIR}/tests/support/watchdog.c ${net_support} NEEDS net)
target_link_libraries(test_hostile PRIVATE vendor_nng Threads::Threads)
# For syscall(), which signals a thread by its number; pthread_kill cannot.
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/support/watchdog.c
  PROPERTIES COMPILE_DEFINITIONS _DEFAULT_SOURCE)
unit_test(test_net_client ${CMAKE_CURRENT_LIST_DIR}/test_client.c ${CMAKE_CURRENT_LIST_DIR}/raw.c
          ${net_support} NEEDS net)
target_link_libraries(test_net_client PRIVATE vendor_nng Threads::Threads)
unit_test(test_net_queue ${CMAKE_CURRENT_LIST_DIR}/test_queue.c ${net_support} NEEDS net)
target_link_libraries(test_net_queue PRIVATE vendor_nng)
if(NOT FUZZ)
  set_tests_properties(test_net test_net_client test_net_queue test_hostile PROPERTIES LABELS threads)
endif()
