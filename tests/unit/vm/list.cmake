unit_test(test_num ${CMAKE_CURRENT_LIST_DIR}/test_num.c NEEDS vm)
unit_test(test_kernels ${CMAKE_CURRENT_LIST_DIR}/test_kernels.c NEEDS vm)
unit_test(test_machine ${CMAKE_CURRENT_LIST_DIR}/test_machine.c NEEDS vm crypto)
