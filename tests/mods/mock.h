/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Modules that are wrong in one way each.  The public macros cannot make them
 * wrong, so notes and bodies are spelt out here. */

#ifndef VL_TESTS_MOCK_H
#define VL_TESTS_MOCK_H

#include <virtloom/driver.h>
#include <virtloom/feature.h>

#define MOCK_NOTE(ident, its_magic, its_abi, its_kind, its_name, its_version)                      \
  __attribute__ ((section (".note.virtloom"), used,                                                \
                  aligned (4))) static const struct vl_note ident##_note = {                       \
    sizeof (VL_NOTE_OWNER),                                                                        \
    sizeof (struct vl_note_desc),                                                                  \
    VL_NOTE_TYPE,                                                                                  \
    VL_NOTE_OWNER,                                                                                 \
    { its_magic, its_abi, its_kind, its_name, its_version }                                        \
  }

#define MOCK_BODY(ident, ...)                                                                      \
  VL_EXPORT extern const struct vl_feature ident##_LTX_virtloom_module;                            \
  const struct vl_feature ident##_LTX_virtloom_module = { .body_size = sizeof (struct vl_feature), \
                                                          .version = "1.0",                        \
                                                          __VA_ARGS__ }

/* In a module that must be refused before any of it runs: leaves the file that
 * VL_TEST_TRACE names. */
#define MOCK_TRACE                                                                                 \
  __attribute__ ((constructor)) static void mock_trace (void)                                      \
  {                                                                                                \
    const char *path = getenv ("VL_TEST_TRACE");                                                   \
    FILE *file = path ? fopen (path, "w") : NULL;                                                  \
                                                                                                   \
    if (file)                                                                                      \
      fclose (file);                                                                               \
  }

#endif
