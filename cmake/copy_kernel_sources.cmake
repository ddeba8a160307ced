# SPDX-License-Identifier: MIT
# Makes TO a copy of the kernel sources in FROM; touches only what differs, so that make
# rebuilds only what changed, and removes sources that are gone. The example of a driver, which is
# built against them, goes into TO/driver.

cmake_minimum_required(VERSION 3.25) # policies, in a script too
# Kbuild by name: to look for it recursively would find those of all build folders.
file(GLOB_RECURSE sources RELATIVE ${FROM} ${FROM}/kernel/*.[ch] ${FROM}/uapi/*.h)
list(APPEND sources Kbuild)
list(FILTER sources EXCLUDE REGEX "\\.mod\\.c$")
foreach(source IN LISTS sources)
    configure_file(${FROM}/${source} ${TO}/${source} COPYONLY)
endforeach()

foreach(source IN ITEMS Kbuild toy_switch.c)
    configure_file(${FROM}/docs/examples/driver/${source} ${TO}/driver/${source} COPYONLY)
endforeach()

file(GLOB_RECURSE copies RELATIVE ${TO} ${TO}/kernel/*.[ch] ${TO}/uapi/*.h)
list(FILTER copies EXCLUDE REGEX "\\.mod\\.c$")
foreach(copy IN LISTS copies)
    if(NOT copy IN_LIST sources)
        file(REMOVE ${TO}/${copy})
    endif()
endforeach()
