/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a host file, and as libvirt's capabilities: refused in words, or
 * facts that are written and read again as the same. */

#include <config.h>

#include "host/host.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What was read, written and read again, must be the same bytes. */
static void
round_trip (struct vl_ctx *ctx, const struct vl_host *host)
{
  VL_AUTOFREE char *once = vl_host_to_json (host), *twice = NULL;
  struct vl_host *again = vl_host_from_json (ctx, once, strlen (once), "again");

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
  struct vl_ctx *ctx = vl_ctx_new ();
  struct vl_host *host = vl_host_from_json (ctx, text, size, "fuzz");

  if ((host == NULL) != (ctx->findings.n > 0))
    abort ();
  if (host)
    round_trip (ctx, host);
  vl_host_free (host);
  vl_ctx_free (ctx);
}

/* Facts from XML need not be readable as JSON (text in odd characters is left
 * to the reader): it is enough that nothing breaks. */
static void
as_xml (const char *text)
{
  struct vl_ctx *ctx = vl_ctx_new ();
  struct vl_host *host = vl_host_new ();
  VL_AUTOFREE char *json = NULL;

  if (vl_host_import_capabilities (ctx, host, text) < 0 && ctx->findings.n == 0)
    abort ();
  ctx->findings.n = 0;
  if (vl_host_import_domcapabilities (ctx, host, text) < 0 && ctx->findings.n == 0)
    abort ();
  json = vl_host_to_json (host);
  vl_host_free (host);
  vl_ctx_free (ctx);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  VL_AUTOFREE char *text = vl_xstrndup ((const char *)data, size);

  as_json ((const char *)data, size);
  as_xml (text);
  return 0;
}
