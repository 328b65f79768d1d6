#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The driver conformance suite on libvirt-kvm, with the KVM guests of a private libvirtd.
exec bash "$(dirname "$0")/driver-conformance.sh" libvirt-kvm libvirtd
