// SPDX-License-Identifier: MIT
#pragma once

#include <statchan/client.hpp>

#include "input.hpp"

namespace fuzz {

/// Does with a client whatever the input says, over a hostile kernel, and checks what it gets.
void exercise(Input& input, statchan::Client& client);

}  // namespace fuzz
