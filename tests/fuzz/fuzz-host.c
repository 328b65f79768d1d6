/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a host file, and as libvirt's capabilities: refused in words, or
 * facts that are written and read again as the same. */

#include <config.h>

#include "host/host.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What was read, written and read again, must be the same bytes. */
static void
round_trip (struct vl_call *call, const struct vl_host *host)
{
  VL_AUTOFREE char *once = vl_host_to_json (host), *twice = NULL;
  struct vl_host *again = vl_host_from_json (call, once, strlen (once), "again");

  if (again == NULL)
    abort ();
  twice = vl_host_to_json (again);
  if (! VL_STREQ (once, twice))
    abort ();
  vl_host_free (again);
}

static void
as_json (const char *text, size_t size)
{
  struct vl_call *call = vl_call_new ();
  struct vl_host *host = vl_host_from_json (call, text, size, "fuzz");

  if ((host == NULL) != (call->findings.n > 0))
    abort ();
  if (host)
    round_trip (call, host);
  vl_host_free (host);
  vl_call_free (call);
}

/* Facts from XML need not be readable as JSON (text in odd characters is left
 * to the reader): it is enough that nothing breaks. */
static void
as_xml (const char *text)
{
  struct vl_call *call = vl_call_new ();
  struct vl_host *host = vl_host_new ();
  VL_AUTOFREE char *json = NULL;

  vl_host_import_into (call, host, NULL);
  if (vl_host_import_capabilities (call, text) < 0 && call->findings.n == 0)
    abort ();
  call->findings.n = 0;
  if (vl_host_import_domcapabilities (call, text) < 0 && call->findings.n == 0)
    abort ();
  json = vl_host_to_json (host);
  vl_host_free (host);
  vl_call_free (call);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  VL_AUTOFREE char *text = vl_xstrndup ((const char *)data, size);

  as_json ((const char *)data, size);
  as_xml (text);
  return 0;
}
