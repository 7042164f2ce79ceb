set(fake_node ${PROJECT_SOURCE_DIR}/tests/support/fake_node.c
  ${PROJECT_SOURCE_DIR}/tests/support/fake_answer.c)
unit_test(test_light ${CMAKE_CURRENT_LIST_DIR}/test_light.c ${fake_node} NEEDS client)
unit_test(test_client_tx ${CMAKE_CURRENT_LIST_DIR}/test_tx.c ${fake_node} NEEDS client)
unit_test(test_blob ${CMAKE_CURRENT_LIST_DIR}/test_blob.c NEEDS client)
unit_test(test_worker_core ${CMAKE_CURRENT_LIST_DIR}/test_worker_core.c NEEDS client)
unit_test(test_segment ${CMAKE_CURRENT_LIST_DIR}/test_segment.c ${fake_node} NEEDS client)
unit_test(test_job ${CMAKE_CURRENT_LIST_DIR}/test_job.c ${fake_node} NEEDS client)
unit_test(test_judge ${CMAKE_CURRENT_LIST_DIR}/test_judge.c ${fake_node} NEEDS client)
