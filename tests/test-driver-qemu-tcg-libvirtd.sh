#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The driver conformance suite on qemu-tcg, with the guests of a private libvirtd.
exec bash "$(dirname "$0")/driver-conformance.sh" qemu-tcg libvirtd
