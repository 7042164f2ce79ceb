unit_test(test_safetensors ${CMAKE_CURRENT_LIST_DIR}/test_safetensors.c NEEDS client)
unit_test(test_pool ${CMAKE_CURRENT_LIST_DIR}/test_pool.c NEEDS client)
unit_test(test_plot ${CMAKE_CURRENT_LIST_DIR}/test_plot.c NEEDS client)
unit_test(test_gradient ${CMAKE_CURRENT_LIST_DIR}/test_gradient.c
          ${PROJECT_SOURCE_DIR}/tests/support/eval64.c NEEDS client)
unit_test(test_train ${CMAKE_CURRENT_LIST_DIR}/test_train.c
          ${PROJECT_SOURCE_DIR}/tests/support/eval64.c NEEDS client)
target_link_libraries(test_gradient PRIVATE m)
target_link_libraries(test_train PRIVATE m)
target_link_libraries(test_plot PRIVATE m)
unit_test(test_recorded_job ${CMAKE_CURRENT_LIST_DIR}/test_recorded_job.c NEEDS client)
if(TEST test_recorded_job)
  set_tests_properties(test_recorded_job PROPERTIES LABELS long TIMEOUT 600)
endif()
