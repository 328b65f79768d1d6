#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# All golden cases, in one process.
exec "${top_builddir:-..}/tests/virtloom-test" --tree "${top_builddir:-..}" "${srcdir:-.}"
