#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the netlink front end and transport promise, seen on the wire.

For the lab: root, statchan and statchan_synth loaded. One test is one function.
    scripts/vm -- tests/netlink/run [NAME...]
"""
import sys

import control_test    # noqa: F401  each registers its tests
import snapshot_test   # noqa: F401
import sample_test     # noqa: F401
import rights_test     # noqa: F401
import stress_test     # noqa: F401
from harness import main

sys.exit(main(sys.argv[1:]))
