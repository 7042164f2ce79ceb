set(sim_disk ${PROJECT_SOURCE_DIR}/tests/sim/disk.c ${PROJECT_SOURCE_DIR}/tests/sim/disk_damage.c)
unit_test(test_journal ${CMAKE_CURRENT_LIST_DIR}/test_journal.c ${sim_disk} NEEDS store)
unit_test(test_sign_state ${CMAKE_CURRENT_LIST_DIR}/test_sign_state.c ${sim_disk}
  NEEDS store crypto)
unit_test(test_amnesia ${CMAKE_CURRENT_LIST_DIR}/test_amnesia.c ${sim_disk} NEEDS store)
