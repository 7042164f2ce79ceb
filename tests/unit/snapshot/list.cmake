unit_test(test_snapshot_format ${CMAKE_CURRENT_LIST_DIR}/test_snapshot_format.c NEEDS state)
target_compile_definitions(test_snapshot_format PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
add_test(NAME tidy.snapshot_vectors
  COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/snapshot_model.py --check)
unit_test(test_snapshot ${CMAKE_CURRENT_LIST_DIR}/test_snapshot.c NEEDS store)
