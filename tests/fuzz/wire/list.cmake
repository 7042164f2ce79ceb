set(wire_support ${PROJECT_SOURCE_DIR}/tests/support)
set(wire_objects ${wire_support}/wire_objects.c ${wire_support}/wire_print.c
  ${wire_support}/wire_draw.c ${wire_support}/text.c)
# light and rest are parts of a proposal; messages and their bodies are fuzz_wire_sync.
foreach(object header proposal vote certificate last_final block tx validator_set result)
  fuzz_test(fuzz_wire_${object} ${CMAKE_CURRENT_LIST_DIR}/fuzz_wire.c ${wire_objects} NEEDS wire)
  if(FUZZ)
    target_compile_definitions(fuzz_wire_${object} PRIVATE WIRE_OBJECT="${object}")
  endif()
endforeach()
fuzz_test(fuzz_wire_sync ${CMAKE_CURRENT_LIST_DIR}/fuzz_wire_sync.c ${wire_objects} NEEDS wire)
fuzz_test(fuzz_wire_differential ${CMAKE_CURRENT_LIST_DIR}/fuzz_wire_differential.c
  ${wire_support}/wire_differential.c NEEDS wire vendor_msgpack)
fuzz_test(fuzz_wire_api ${CMAKE_CURRENT_LIST_DIR}/fuzz_wire_api.c NEEDS wire)
