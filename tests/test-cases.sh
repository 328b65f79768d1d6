#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# All golden cases, in one process.
exec "${top_builddir:-..}/tests/run-cases" "${top_builddir:-..}" "${srcdir:-.}"
