# SPDX-License-Identifier: MIT
# Target "modules": the kernel modules, by the kernel's own build system.
#
# It writes its objects beside the sources. So that the source tree stays clean and modules
# for several kernels can exist, the sources are copied to modules-VERSION in the build folder
# (only those that changed), and built there.

file(GLOB kernel_builds LIST_DIRECTORIES true /lib/modules/*-amd64/build)
list(FILTER kernel_builds EXCLUDE REGEX "-(cloud|rt)-")
list(SORT kernel_builds COMPARE NATURAL ORDER DESCENDING)
list(POP_FRONT kernel_builds newest_kernel_build)
set(KERNEL_BUILD_DIR "${newest_kernel_build}" CACHE PATH "Kernel build folder (headers)")

if(NOT KERNEL_BUILD_DIR)
    message(STATUS "No kernel headers found: no target 'modules' (set KERNEL_BUILD_DIR)")
    return()
endif()

# /lib/modules/VERSION/build, or a kernel's own build tree
if(KERNEL_BUILD_DIR MATCHES "/([^/]+)/build/?$")
    set(kernel_version ${CMAKE_MATCH_1})
else()
    get_filename_component(kernel_version ${KERNEL_BUILD_DIR} NAME)
endif()
set(STATCHAN_MODULES_DIR ${PROJECT_BINARY_DIR}/modules-${kernel_version})
message(STATUS "Kernel modules: ${KERNEL_BUILD_DIR} -> modules-${kernel_version}")

add_custom_target(modules
    COMMAND ${CMAKE_COMMAND} -DFROM=${PROJECT_SOURCE_DIR} -DTO=${STATCHAN_MODULES_DIR}
            -P ${PROJECT_SOURCE_DIR}/cmake/copy_kernel_sources.cmake
    COMMAND make -C ${KERNEL_BUILD_DIR} M=${STATCHAN_MODULES_DIR} modules
    COMMAND make -C ${KERNEL_BUILD_DIR} M=${STATCHAN_MODULES_DIR}/driver STATCHAN=${STATCHAN_MODULES_DIR}
            KBUILD_EXTRA_SYMBOLS=${STATCHAN_MODULES_DIR}/Module.symvers modules
    COMMENT "Building kernel modules in modules-${kernel_version}"
    VERBATIM USES_TERMINAL)

# As root; needs signed modules where the kernel asks for them.
add_custom_target(modules_install
    COMMAND make -C ${KERNEL_BUILD_DIR} M=${STATCHAN_MODULES_DIR} modules_install
    COMMENT "Installing kernel modules of modules-${kernel_version}"
    VERBATIM USES_TERMINAL)
add_dependencies(modules_install modules)
