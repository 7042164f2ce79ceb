unit_test(test_num ${CMAKE_CURRENT_LIST_DIR}/test_num.c NEEDS vm)
unit_test(test_kernels ${CMAKE_CURRENT_LIST_DIR}/test_kernels.c NEEDS vm)
unit_test(test_machine ${CMAKE_CURRENT_LIST_DIR}/test_machine.c NEEDS vm crypto)
unit_test(test_ops ${CMAKE_CURRENT_LIST_DIR}/test_ops.c NEEDS vm)
unit_test(test_program ${CMAKE_CURRENT_LIST_DIR}/test_program.c NEEDS vm crypto)
unit_test(test_tensor ${CMAKE_CURRENT_LIST_DIR}/test_tensor.c NEEDS vm crypto)

# A sample of the exhaustive check: 2^20 inputs where results are ordinary, and where exp is
# subnormal, log near 0 and tanh near 1.  All 2^32 are a campaign.
if(TARGET vm_exhaustive)
  foreach(shard exp:0x3f000000 exp:0xc2ae0000 log:0x3f780000 log:0x00000000 tanh:0x3f000000
          tanh:0x41080000)
    string(REPLACE ":" ";" parts ${shard})
    list(GET parts 0 function)
    list(GET parts 1 from)
    math(EXPR to "${from} + 0x100000")
    foreach(kernels plain avx2 avx512)
      set(name vm_exhaustive.${function}.${kernels}.${from})
      add_test(NAME ${name} COMMAND vm_exhaustive ${function} ${kernels} --from ${from} --to ${to})
      set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
    endforeach()
  endforeach()
endif()

unit_test(test_vectors ${CMAKE_CURRENT_LIST_DIR}/test_vectors.c NEEDS vm crypto)
add_test(NAME tidy.vm_vectors COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/vm_model.py --check)
