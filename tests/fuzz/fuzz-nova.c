/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as Nova's configuration: read or refused, options in order with their lines,
 * and values that together stay within their bound. */

#include <config.h>

#include "../../tools/nova-conf.c"
#include "../../tools/nova-names.c"

#include "context/call.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct vl_call *call = vl_call_new ();
  struct nova_conf conf = { .call = call }, names = { .call = call };
  VL_AUTOFREE char *text = vl_xcalloc (1, size + 1);
  size_t total = 0;
  int result;

  memcpy (text, data, size);
  if (nova_read (&names, "NAMES", "[old]\nb.x = a.x b.y\n[gone]\nb.z = a.z\n") < 0)
    abort ();
  result = nova_read (&conf, "FILE", text);
  if ((result < 0) != (call->findings.n_errors > 0))
    abort ();
  nova_settle (&conf, &names);
  for (size_t i = 0; i < conf.n; i++) {
    const struct nova_option *option = &conf.options[i];
    const char *value = nova_value (&conf, option);

    if (option->line < 1 || strchr (option->name, '.') == NULL
        || (i && strcmp (conf.options[i - 1].name, option->name) > 0)
        || strcmp (nova_find (&conf, option->name)->name, option->name))
      abort ();
    total += value ? strlen (value) : 0;
  }
  if (total > MOST_TEXT)
    abort ();
  nova_free (&conf);
  nova_free (&names);
  vl_call_free (call);
  return 0;
}
