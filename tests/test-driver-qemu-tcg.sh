#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The driver conformance suite on qemu-tcg.
exec bash "$(dirname "$0")/driver-conformance.sh" qemu-tcg
