# SPDX-License-Identifier: GPL-2.0-or-later
# Options and helper functions of the build. Every folder of the product is one static library, made
# with portcullis_library(); every test program is made with portcullis_test().
include(GNUInstallDirs)

option(PORTCULLIS_TESTS "Build the tests" ON)
option(PORTCULLIS_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
set(PORTCULLIS_SANITIZE "" CACHE STRING "Sanitizers to build with, as in -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_AUTOMOC ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(PORTCULLIS_CCACHE ccache)
if(PORTCULLIS_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PORTCULLIS_CCACHE})
endif()
find_program(PORTCULLIS_MOLD mold)
if(PORTCULLIS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Flags that every target of ours shares.
add_library(portcullis_flags INTERFACE)
target_include_directories(portcullis_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(portcullis_flags INTERFACE
  QT_NO_CAST_FROM_ASCII QT_NO_CAST_TO_ASCII QT_NO_KEYWORDS QT_NO_FOREACH
  PORTCULLIS_VERSION="${PROJECT_VERSION}")
target_compile_options(portcullis_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion
  -Wno-sign-conversion -fstack-protector-strong -fno-omit-frame-pointer
  $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
# In a unity build every source is an include file to GCC, which then takes a private struct with a
# member from the anonymous namespace for a type shared by several units.
target_compile_options(portcullis_flags INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
target_link_options(portcullis_flags INTERFACE -Wl,-z,relro,-z,now)
if(PORTCULLIS_SANITIZE)
  target_compile_options(portcullis_flags INTERFACE -fsanitize=${PORTCULLIS_SANITIZE} -U_FORTIFY_SOURCE)
  target_link_options(portcullis_flags INTERFACE -fsanitize=${PORTCULLIS_SANITIZE})
  if(PORTCULLIS_SANITIZE MATCHES "undefined")
    target_compile_options(portcullis_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
  # GCC 12 reports false positives in the standard library under the sanitizers.
  target_compile_options(portcullis_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow>)
endif()
if(PORTCULLIS_FUZZ)
  target_compile_options(portcullis_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# portcullis_library(name SOURCES ... LINK ...): one folder of the product as a static library.
function(portcullis_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC portcullis_flags ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
endfunction()

# portcullis_program(name SOURCES ... LINK ...): a daemon or a command, installed with its man page.
function(portcullis_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE portcullis_flags ${arg_LINK})
  if(NOT TARGET programs)
    add_custom_target(programs COMMENT "All daemons and commands, no tests")
  endif()
  add_dependencies(programs ${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# portcullis_test(name SOURCES ... LINK ... [LABELS ...] [TIMEOUT s]): a Qt Test program run by ctest.
function(portcullis_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE portcullis_flags Qt6::Test ${arg_LINK})
  target_compile_definitions(${name} PRIVATE
    PORTCULLIS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" PORTCULLIS_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
    SKIP_RETURN_CODE 77)
endfunction()

# portcullis_fuzzer(name SOURCES ... LINK ...): a libFuzzer target; its seeds lie in corpus/<name>/.
function(portcullis_fuzzer name)
  if(NOT PORTCULLIS_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE portcullis_flags ${arg_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers COMMENT "All fuzz targets")
  endif()
  add_dependencies(fuzzers ${name})
endfunction()
