unit_test(test_consensus_guard ${CMAKE_CURRENT_LIST_DIR}/test_guard.c NEEDS consensus)
set(consensus_cluster ${CMAKE_CURRENT_LIST_DIR}/cluster.c)
unit_test(test_consensus_path ${CMAKE_CURRENT_LIST_DIR}/test_path.c ${consensus_cluster}
  NEEDS consensus)
unit_test(test_consensus_rules ${CMAKE_CURRENT_LIST_DIR}/test_rules.c ${consensus_cluster}
  NEEDS consensus)
unit_test(test_consensus_pitfalls ${CMAKE_CURRENT_LIST_DIR}/test_pitfalls.c ${consensus_cluster}
  NEEDS consensus)
unit_test(test_consensus_epochs ${CMAKE_CURRENT_LIST_DIR}/test_epochs.c ${consensus_cluster}
  NEEDS consensus)
unit_test(test_consensus_have ${CMAKE_CURRENT_LIST_DIR}/test_have.c ${consensus_cluster}
  NEEDS consensus)
unit_test(test_consensus_explain ${CMAKE_CURRENT_LIST_DIR}/test_explain.c ${consensus_cluster}
  NEEDS consensus)
unit_test(test_consensus_evidence ${CMAKE_CURRENT_LIST_DIR}/test_evidence.c ${consensus_cluster}
  NEEDS consensus)
