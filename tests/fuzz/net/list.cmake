fuzz_test(fuzz_handshake ${CMAKE_CURRENT_LIST_DIR}/fuzz_handshake.c NEEDS net)
fuzz_test(fuzz_frame ${CMAKE_CURRENT_LIST_DIR}/fuzz_frame.c NEEDS net)
