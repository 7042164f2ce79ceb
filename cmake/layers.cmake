# layer(name [NEEDS a b] [VENDOR lib] [PURE])
#   One folder, rooms (subfolders) included, = one static library.  NEEDS are the
#   only folders it may include.  PURE adds a test that the library calls nothing
#   but itself, pure layers below it, compiler helpers and tools/pure_allowed.txt.

option(AUDIT "Check expensive invariants" OFF)
option(FUZZ "Build fuzz targets (clang)" OFF)
set(SANITIZE "" CACHE STRING "e.g. address,undefined or thread")

add_library(build_flags INTERFACE)
target_include_directories(build_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(build_flags INTERFACE _XOPEN_SOURCE=700)
target_compile_options(build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla
  -Wswitch-enum -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings
  -Wdouble-promotion -Wformat=2 -Wimplicit-fallthrough -fno-common
  -fno-strict-aliasing -ffp-contract=off -fno-math-errno -fstack-protector-strong)
option(WARNINGS_ARE_ERRORS "Stop on any warning (our presets)" OFF)
if(WARNINGS_ARE_ERRORS)
  target_compile_options(build_flags INTERFACE -Werror)
endif()
if(AUDIT)
  target_compile_definitions(build_flags INTERFACE BASE_AUDIT)
endif()
if(SANITIZE)
  target_compile_options(build_flags INTERFACE
    -fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(build_flags INTERFACE -fsanitize=${SANITIZE})
endif()
if(FUZZ)
  target_compile_options(build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(layer name)
  cmake_parse_arguments(L "PURE" "" "NEEDS;VENDOR" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.c)
  if(name STREQUAL "cli")
    list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/cli/main.c)
  endif()
  list(TRANSFORM L_VENDOR PREPEND "vendor_")
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE build_flags ${L_NEEDS})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  set_property(GLOBAL APPEND PROPERTY layer_libraries ${name})
  target_link_libraries(${name} PUBLIC build_flags ${L_NEEDS} PRIVATE ${L_VENDOR} Threads::Threads)

  set(below ${L_NEEDS})
  foreach(need IN LISTS L_NEEDS)
    get_property(more GLOBAL PROPERTY below_${need})
    list(APPEND below ${more})
  endforeach()
  list(REMOVE_DUPLICATES below)
  set_property(GLOBAL PROPERTY below_${name} ${below})
  if(L_PURE)
    set_property(GLOBAL APPEND PROPERTY pure_layers ${name})
  endif()

  if(L_PURE AND NOT SANITIZE AND NOT FUZZ)
    get_property(pure GLOBAL PROPERTY pure_layers)
    set(lower "")
    foreach(need IN LISTS below)
      if(need IN_LIST pure)
        list(APPEND lower $<TARGET_FILE:${need}>)
      endif()
    endforeach()
    add_test(NAME tidy.pure.${name}
      COMMAND ${PROJECT_SOURCE_DIR}/tools/check_pure.sh $<TARGET_FILE:${name}> ${lower})
  endif()
endfunction()

# unit_test(name source... NEEDS layers): one cmocka executable, one ctest.
function(unit_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "NEEDS" ${ARGN})
  add_executable(${name} ${T_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${T_NEEDS} vendor_cmocka)
  target_compile_definitions(${name} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(NOT FUZZ)
    add_test(NAME ${name} COMMAND ${name})
    if(NOT T_TIMEOUT)
      set(T_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT})
    if(SANITIZE STREQUAL "thread")
      set_tests_properties(${name} PROPERTIES ENVIRONMENT
        "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/suppressions/tsan.txt")
    endif()
  endif()
endfunction()

# fuzz_test(name source [more sources] NEEDS layers): libFuzzer target, built by the fuzz preset only.
# ctest runs it for FUZZ_SECONDS on tests/fuzz/corpus/<name>.
set(FUZZ_SECONDS 10 CACHE STRING "seconds each fuzz target runs in ctest")
function(fuzz_test name source)
  cmake_parse_arguments(T "" "" "NEEDS" ${ARGN})
  if(FUZZ)
    add_executable(${name} ${source} ${T_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE ${T_NEEDS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name} COMMAND ${name} -max_total_time=${FUZZ_SECONDS} -rss_limit_mb=2048
      -print_final_stats=1 ${PROJECT_BINARY_DIR}/corpus_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus_${name})
    file(MAKE_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
endfunction()
