/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a request: refused with a finding, or read; and what was read is,
 * written and read again, the same request. */

#include <config.h>

#include "lib/text.h"
#include "request/request.h"
#include "request/request.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_findings (const struct vl_call *call)
{
  for (size_t i = 0; i < call->findings.n; i++) {
    const struct vl_finding *finding = &call->findings.items[i];

    /* They go to terminals. */
    if (vl_text_problem (finding->message, strlen (finding->message)) || finding->path == NULL)
      abort ();
  }
}

static void
check_request (const struct vl_request *request)
{
  if (vl_uuid_problem (request->uuid))
    abort ();
  for (size_t i = 0; i < request->n_networks; i++)
    if (vl_mac_problem (request->networks[i].mac))
      abort ();
  for (size_t i = 0; i < request->n_entries; i++)
    if (vl_text_problem (request->entries[i].value, strlen (request->entries[i].value))
        || *request->entries[i].key == '\0')
      abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct vl_call *call = vl_call_new ();
  struct vl_request *request = vl_request_read (call, (const char *)data, size, "FILE"), *again;
  VL_AUTOFREE char *one = NULL, *two = NULL;

  check_findings (call);
  if (request == NULL && call->findings.n_errors == 0)
    abort ();
  if (request) {
    check_request (request);
    one = vl_request_to_json (request);
    again = vl_request_read (call, one, strlen (one), "FILE");
    if (again == NULL)
      abort ();
    two = vl_request_to_json (again);
    if (! VL_STREQ (one, two))
      abort ();
    vl_request_free (again);
  }
  vl_request_free (request);
  vl_call_free (call);
  return 0;
}
