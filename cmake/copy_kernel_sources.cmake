# SPDX-License-Identifier: MIT
# Makes TO a copy of the kernel sources in FROM; touches only what differs, so that make
# rebuilds only what changed, and removes sources that are gone. Drivers that are built against
# them, the example and one for tests, go into TO/driver.

cmake_minimum_required(VERSION 3.25) # policies, in a script too
# Kbuild by name: to look for it recursively would find those of all build folders.
file(GLOB_RECURSE sources RELATIVE ${FROM} ${FROM}/kernel/*.[ch] ${FROM}/uapi/*.h)
list(APPEND sources Kbuild)
list(FILTER sources EXCLUDE REGEX "\\.mod\\.c$")
foreach(source IN LISTS sources)
    configure_file(${FROM}/${source} ${TO}/${source} COPYONLY)
endforeach()

file(READ ${FROM}/docs/examples/driver/Kbuild kbuild)
file(CONFIGURE OUTPUT ${TO}/driver/Kbuild CONTENT "${kbuild}obj-m += odd_driver.o\n" @ONLY)
foreach(source IN ITEMS docs/examples/driver/toy_switch.c tests/guest/odd_driver/odd_driver.c)
    cmake_path(GET source FILENAME name)
    configure_file(${FROM}/${source} ${TO}/driver/${name} COPYONLY)
endforeach()

file(GLOB_RECURSE copies RELATIVE ${TO} ${TO}/kernel/*.[ch] ${TO}/uapi/*.h)
list(FILTER copies EXCLUDE REGEX "\\.mod\\.c$")
foreach(copy IN LISTS copies)
    if(NOT copy IN_LIST sources)
        file(REMOVE ${TO}/${copy})
    endif()
endforeach()
