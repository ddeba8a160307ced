// SPDX-License-Identifier: MIT
#pragma once

/// Marks what the shared library shows; everything else stays inside.
#define STATCHAN_API __attribute__((visibility("default")))
