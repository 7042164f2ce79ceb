# Real processes on loopback.  Every wait is on a condition with a deadline.
if(NOT SANITIZE AND NOT FUZZ)
  add_test(NAME e2e.transfers COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/transfers.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  add_test(NAME e2e.shards COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/shards.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  add_test(NAME e2e.catchup COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/catchup.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  add_test(NAME e2e.epochs COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/epochs.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  set_tests_properties(e2e.epochs PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
  add_test(NAME e2e.snapshot COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/snapshot.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  set_tests_properties(e2e.snapshot PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
  add_executable(liar ${CMAKE_CURRENT_LIST_DIR}/liar.c)
  target_link_libraries(liar PRIVATE client)
  add_test(NAME e2e.state_sync COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/state_sync.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network> $<TARGET_FILE:liar>)
  set_tests_properties(e2e.state_sync PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
  add_test(NAME e2e.exits COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/exits.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  add_test(NAME e2e.by_hand COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/by_hand.sh $<TARGET_FILE:gradus>)
  add_test(NAME e2e.silent COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/silent.sh $<TARGET_FILE:gradus>)
  add_test(NAME e2e.db COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/db.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network>)
  set_tests_properties(e2e.db PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
  set_tests_properties(e2e.shards PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
  add_executable(double ${CMAKE_CURRENT_LIST_DIR}/double.c)
  target_link_libraries(double PRIVATE node)
  add_test(NAME e2e.evidence COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/evidence.sh $<TARGET_FILE:gradus>
    $<TARGET_FILE:double>)
  add_test(NAME e2e.restart COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/restart.sh $<TARGET_FILE:gradus>)
  add_executable(forge ${CMAKE_CURRENT_LIST_DIR}/forge.c)
  target_link_libraries(forge PRIVATE client)
  add_test(NAME commands COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/commands.sh $<TARGET_FILE:gradus>)
  add_test(NAME e2e.client COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/client.sh $<TARGET_FILE:gradus>)
  add_test(NAME e2e.training COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/training.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:forge>)
  set_tests_properties(e2e.transfers e2e.catchup e2e.exits e2e.by_hand e2e.client e2e.silent e2e.training
    e2e.restart e2e.evidence
    PROPERTIES LABELS "e2e;long" TIMEOUT 300 RUN_SERIAL ON)
endif()
if(SANITIZE AND NOT FUZZ)
  add_test(NAME sanitized.network COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/sanitized.sh
    $<TARGET_FILE:gradus> $<TARGET_FILE:bench_network> 500)
  set_tests_properties(sanitized.network PROPERTIES LABELS threads TIMEOUT 300 RUN_SERIAL ON)
endif()
