set(archive ${PROJECT_SOURCE_DIR}/tests/support/archive.c)
unit_test(test_audit ${CMAKE_CURRENT_LIST_DIR}/test_audit.c ${archive} NEEDS client)
