#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the netlink front end and transport promise, seen on the wire.

For the lab: root, statchan and statchan_synth loaded. One test is one function.
    scripts/vm -- tests/netlink/run [NAME...]
"""
import importlib
import sys

from harness import main

for tests in 'control', 'snapshot', 'sample', 'rights', 'stress':
    importlib.import_module(tests + '_test')    # registers its tests
sys.exit(main(sys.argv[1:]))
