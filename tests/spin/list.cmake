# The Promela models.  A missing spin is a failure: tools/install.sh installs it.
if(NOT FUZZ AND NOT SANITIZE)
  add_test(NAME spin.models COMMAND ${PROJECT_SOURCE_DIR}/tools/spin.sh)
  set_tests_properties(spin.models PROPERTIES LABELS "spin;long" TIMEOUT 900)
endif()
