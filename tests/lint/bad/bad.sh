#!/bin/sh
# SPDX-License-Identifier: MIT
rm -f $1
