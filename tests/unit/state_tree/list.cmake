unit_test(test_state_tree ${CMAKE_CURRENT_LIST_DIR}/test_state_tree.c NEEDS state)
# The verifier as a client embeds it: without any library of ours, and on a bounded stack.
unit_test(test_proof_vectors ${CMAKE_CURRENT_LIST_DIR}/test_proof_vectors.c
  ${PROJECT_SOURCE_DIR}/state/tree/verify/verify.c ${PROJECT_SOURCE_DIR}/tests/support/sha256_small.c
  NEEDS build_flags vendor_jansson)
if(NOT SANITIZE)
  target_compile_options(test_proof_vectors PRIVATE -Wframe-larger-than=10240)
endif()
add_test(NAME tidy.proof_vectors
  COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/proof_vectors.py --check)
unit_test(test_proofs ${CMAKE_CURRENT_LIST_DIR}/test_proofs.c NEEDS state vendor_jansson)
