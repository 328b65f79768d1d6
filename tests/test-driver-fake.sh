#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The driver conformance suite on fake.
exec bash "$(dirname "$0")/driver-conformance.sh" fake
