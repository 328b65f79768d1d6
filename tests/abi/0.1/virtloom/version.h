/* SPDX-License-Identifier: MIT */

#ifndef VIRTLOOM_VERSION_H
#define VIRTLOOM_VERSION_H

#define VL_VERSION "0.1.0"

#endif
