# SPDX-License-Identifier: MIT
# Warnings, visibility and sanitizers of everything that this build compiles for user space.

add_compile_options(-Wall -Wextra -Wconversion)
if(STATCHAN_WERROR)
    add_compile_options(-Werror)
endif()

# Of several files compiled as one, GCC takes unnamed namespaces for those of headers.
if(CMAKE_UNITY_BUILD)
    add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
endif()

if(STATCHAN_SANITIZE)
    add_compile_options(-fsanitize=${STATCHAN_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    # The instrumented code confuses this warning of GCC's; plain builds have it.
    add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    add_link_options(-fsanitize=${STATCHAN_SANITIZE})
endif()

if(STATCHAN_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "STATCHAN_FUZZ needs clang: CMAKE_C_COMPILER=clang, CMAKE_CXX_COMPILER=clang++")
    endif()
    # What may be reached is counted everywhere; the search itself is linked by tests/fuzz/host.
    add_compile_options(-fsanitize=fuzzer-no-link
        -fsanitize-coverage-ignorelist=${PROJECT_SOURCE_DIR}/tests/fuzz/host/not-searched.list)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
