// SPDX-License-Identifier: MIT
//
// statchan: hardware statistics and packet samples out of the kernel, over interchangeable
// transports. This header includes the others.
#pragma once

#include <statchan/client.hpp>
#include <statchan/digest.hpp>
#include <statchan/error.hpp>
#include <statchan/event.hpp>
#include <statchan/ledger.hpp>
#include <statchan/ordered.hpp>
#include <statchan/record.hpp>
#include <statchan/schema.hpp>
#include <statchan/snapshot.hpp>
#include <statchan/stream.hpp>
#include <statchan/time.hpp>
#include <statchan/types.hpp>
