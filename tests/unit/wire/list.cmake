set(wire_support ${PROJECT_SOURCE_DIR}/tests/support)
set(wire_objects ${wire_support}/wire_objects.c ${wire_support}/wire_print.c
  ${wire_support}/wire_draw.c ${wire_support}/text.c)
unit_test(test_codec ${CMAKE_CURRENT_LIST_DIR}/test_codec.c NEEDS wire)
unit_test(test_objects ${CMAKE_CURRENT_LIST_DIR}/test_objects.c ${wire_objects} NEEDS wire)
