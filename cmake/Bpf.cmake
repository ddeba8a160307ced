# SPDX-License-Identifier: MIT
# BPF programs, compiled by clang and made part of what loads them by bpftool.

find_package(PkgConfig REQUIRED)
pkg_check_modules(STATCHAN_BPF REQUIRED IMPORTED_TARGET libbpf)
find_program(STATCHAN_CLANG clang REQUIRED)
find_program(STATCHAN_BPFTOOL bpftool REQUIRED PATHS /usr/sbin /usr/local/sbin)

# statchan_bpf_skeleton(TARGET SOURCE FILE NAME): the target can include FILE.skel.h, which has the
# program of SOURCE and the functions NAME__open(), NAME__load() and so on.
function(statchan_bpf_skeleton target source file name)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/bpf)
    set(object ${out}/${file}.bpf.o)
    set(skeleton ${out}/${file}.skel.h)
    # <asm/types.h> is where the compiler for this machine has it.
    add_custom_command(
        OUTPUT ${skeleton}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
        COMMAND ${STATCHAN_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
                -I${PROJECT_SOURCE_DIR}/uapi
                -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
                -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
        COMMAND ${STATCHAN_BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}
        DEPENDS ${source} ${PROJECT_SOURCE_DIR}/uapi/linux/statchan.h
        COMMENT "BPF program ${source}"
        VERBATIM)
    add_custom_target(${name}_generated DEPENDS ${skeleton})
    add_dependencies(generated ${name}_generated)
    target_sources(${target} PRIVATE ${skeleton})
    # not ours to warn about
    target_include_directories(${target} SYSTEM PRIVATE ${out})
endfunction()
