// SPDX-License-Identifier: MIT
#pragma once

#include <results.pb.h>

#include "out.hpp"

namespace statctl::measure {

/// The primitives of a run as a table: those without a value say why.
void print_primitives(Out& out, const statchan::results::Results& results);

}  // namespace statctl::measure
