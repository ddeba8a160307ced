/* SPDX-License-Identifier: MIT */
#include "uapi_layout.h"
