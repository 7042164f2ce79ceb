set(wire_support ${PROJECT_SOURCE_DIR}/tests/support)
set(wire_objects ${wire_support}/wire_objects.c ${wire_support}/wire_print.c
  ${wire_support}/wire_draw.c ${wire_support}/text.c)
unit_test(test_codec ${CMAKE_CURRENT_LIST_DIR}/test_codec.c NEEDS wire)
unit_test(test_wire_limits ${CMAKE_CURRENT_LIST_DIR}/test_limits.c NEEDS wire)
unit_test(test_objects ${CMAKE_CURRENT_LIST_DIR}/test_objects.c ${wire_objects} NEEDS wire)
unit_test(test_wire_vectors ${CMAKE_CURRENT_LIST_DIR}/test_vectors.c ${wire_objects}
  NEEDS wire crypto)
add_test(NAME tidy.wire_vectors COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/wire_model.py --check)
unit_test(test_wire_differential ${CMAKE_CURRENT_LIST_DIR}/test_differential.c
  ${wire_support}/wire_differential.c ${wire_support}/wire_draw.c NEEDS wire vendor_msgpack)
unit_test(test_api ${CMAKE_CURRENT_LIST_DIR}/test_api.c NEEDS wire)
