/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as an INI file: read or refused, and what is read is what the text
 * says: printable, one entry per section and key, lines within the text. */

#include <config.h>

#include "plugin/ini.h"
#include "lib/text.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_entry (const struct vl_ini *ini, size_t i, int lines)
{
  const struct vl_ini_entry *entry = &ini->entries[i];

  if (entry->line < 1 || entry->line > lines || entry->continued > lines || *entry->key == '\0'
      || *entry->section == '\0' || vl_text_problem (entry->key, strlen (entry->key)))
    abort ();
  for (size_t j = 0; j < i; j++)
    if (VL_STREQ (ini->entries[j].key, entry->key)
        && VL_STREQ (ini->entries[j].section, entry->section))
      abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct vl_call *call = vl_call_new ();
  VL_AUTOFREE char *text = vl_xcalloc (1, size + 1);
  struct vl_ini ini;
  int lines = 1, result;

  memcpy (text, data, size);
  for (size_t i = 0; i < size; i++)
    lines += text[i] == '\n';
  result = vl_ini_parse (call, call->arena, "fuzz", "FILE", text, size, &ini);
  if (result < 0 && (call->findings.n_errors == 0 || ini.n != 0))
    abort ();
  if (result == 0 && call->findings.n != 0)
    abort ();
  for (size_t i = 0; i < ini.n; i++)
    check_entry (&ini, i, lines);
  vl_call_free (call);
  return 0;
}
