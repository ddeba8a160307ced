# SPDX-License-Identifier: MIT
print(nobody)
