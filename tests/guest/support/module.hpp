// SPDX-License-Identifier: MIT
//
// rmmod and insmod without a program: they tell the errno.
#pragma once

#include <string>

namespace lab {

/// 0, or the errno: EWOULDBLOCK if somebody uses the module.
int remove_module(const std::string& name);
/// Loads one of the project's modules again: 0, or the errno.
int load_module(const std::string& name);

}  // namespace lab
