#!/bin/sh
# Makes configure and the Makefile.in files.  Needs autoconf, automake, libtool.
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install "$@"
