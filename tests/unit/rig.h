/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A build tree of its own for a test: a temporary folder with plugins.d and
 * features/.libs, filled file by file, then read and loaded as the program does. */

#ifndef VL_TESTS_RIG_H
#define VL_TESTS_RIG_H

#include "context/call.h"
#include "plugin/conf.h"
#include "plugin/registry.h"

/* Where the mock modules are built. */
#ifndef VL_TEST_MODS_DIR
#define VL_TEST_MODS_DIR VL_TEST_BUILDDIR "/mods"
#endif
#ifndef VL_TEST_MODS
#define VL_TEST_MODS VL_TEST_MODS_DIR "/.libs"
#endif

struct rig {
  char dir[64];
  struct vl_call *call;
  struct vl_config *config;
  struct vl_registry *registry;
  struct vl_places places;
  int config_result;
};

/* Makes the folder; ends the test where that fails. */
void rig_start (struct rig *rig);
/* Frees everything, the folder included. */
void rig_end (struct rig *rig);
/* Path PATH of the rig's folder; memory of the context. */
const char *rig_path (struct rig *rig, const char *path);
/* Writes file PATH with LENGTH bytes of TEXT, its folders made. */
void rig_write_n (struct rig *rig, const char *path, const char *text, size_t length);
void rig_write (struct rig *rig, const char *path, const char *text);
/* Copies the built mock module FROM ("good") to features/.libs/AS.so and writes
 * plugins.d/AS.conf with KEYS claimed. */
void rig_module (struct rig *rig, const char *from, const char *as);
void rig_plugin (struct rig *rig, const char *name, const char *keys);
/* Reads configuration and registry. */
void rig_load (struct rig *rig);
/* Every finding on a line of its own, "error CODE plugin: message (origin)" and
 * hints after two blanks, with the rig's folder as DIR; memory of the context. */
const char *rig_findings (struct rig *rig);
/* A text with the rig's folder as DIR. */
const char *rig_plain (struct rig *rig, const char *text);

#endif
