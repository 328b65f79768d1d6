/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facts as they are kept in STATE between commands: a line for each, its key and
 * its values with tabs between.  Several times quicker to read than a host file,
 * which is for people and other machines. */

#include <config.h>

#include "host/host.h"

/* In front of the key of a fact that is a list. */
#define LIST '*'

char *
vl_host_to_lines (const struct vl_host *host)
{
  VL_AUTOSTR struct vl_str out = { NULL, 0, 0 };

  vl_str_add (&out, "");
  for (size_t i = 0; i < host->n; i++) {
    const struct vl_fact *fact = &host->facts[i];

    if (fact->list)
      vl_str_add_n (&out, (const char[]) { LIST }, 1);
    vl_str_add (&out, fact->key);
    for (size_t k = 0; k < fact->n; k++) {
      if (strpbrk (fact->values[k], "\t\n"))
        return NULL;
      vl_str_add (&out, "\t");
      vl_str_add (&out, fact->values[k]);
    }
    vl_str_add (&out, "\n");
  }
  return VL_STEAL (out.text);
}

static void
read_line (struct vl_host *host, char *line)
{
  char *value = strchr (line, '\t'), *next;
  struct vl_fact *fact;
  size_t n = 0;

  for (const char *p = value; p; p = strchr (p + 1, '\t'))
    n++;
  if (value)
    *value++ = '\0';
  fact = vl_host_append (host, line + (*line == LIST), *line == LIST);
  fact->values = n ? vl_xcalloc (n, sizeof *fact->values) : NULL;
  fact->size = n;
  for (; value; value = next) {
    next = strchr (value, '\t');
    if (next)
      *next++ = '\0';
    fact->values[fact->n++] = vl_xstrdup (value);
  }
}

struct vl_host *
vl_host_from_lines (const char *text)
{
  VL_AUTOFREE char *copy = vl_xstrdup (text);
  struct vl_host *host = vl_host_new ();
  char *rest = copy, *line;

  while ((line = strsep (&rest, "\n")))
    if (*line)
      read_line (host, line);
  vl_host_sort (host);
  return host;
}
