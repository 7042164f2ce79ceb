set(archive ${PROJECT_SOURCE_DIR}/tests/support/archive.c)
unit_test(test_audit ${CMAKE_CURRENT_LIST_DIR}/test_audit.c ${archive} NEEDS client)
unit_test(test_audit_sets ${CMAKE_CURRENT_LIST_DIR}/test_audit_sets.c ${archive}
  ${PROJECT_SOURCE_DIR}/tests/support/evidence.c NEEDS client)
unit_test(test_audit_files ${CMAKE_CURRENT_LIST_DIR}/test_audit_files.c ${archive} NEEDS client)
unit_test(test_audit_bytes ${CMAKE_CURRENT_LIST_DIR}/test_audit_bytes.c ${archive} NEEDS client)
unit_test(test_audit_chunks ${CMAKE_CURRENT_LIST_DIR}/test_audit_chunks.c ${archive} NEEDS client)
# The same with every byte: minutes.
unit_test(test_audit_every_byte ${CMAKE_CURRENT_LIST_DIR}/test_audit_bytes.c ${archive}
  NEEDS client TIMEOUT 900)
target_compile_definitions(test_audit_every_byte PRIVATE BYTE_STEP=1)
if(NOT FUZZ)
  set_tests_properties(test_audit_every_byte PROPERTIES LABELS long)
endif()
unit_test(test_replica ${CMAKE_CURRENT_LIST_DIR}/test_replica.c
  ${PROJECT_SOURCE_DIR}/tests/support/toy_ledger.c NEEDS client)
unit_test(test_training_audit ${CMAKE_CURRENT_LIST_DIR}/test_training.c NEEDS client)
unit_test(test_chaincheck ${CMAKE_CURRENT_LIST_DIR}/test_chaincheck.c ${archive} NEEDS client)
