# SPDX-License-Identifier: MIT
# Warnings, visibility and sanitizers of everything that this build compiles for user space.

add_compile_options(-Wall -Wextra -Wconversion)
if(STATCHAN_WERROR)
    add_compile_options(-Werror)
endif()

if(STATCHAN_SANITIZE)
    add_compile_options(-fsanitize=${STATCHAN_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    # The instrumented code confuses this warning; plain builds have it.
    add_compile_options(-Wno-maybe-uninitialized)
    add_link_options(-fsanitize=${STATCHAN_SANITIZE})
endif()
