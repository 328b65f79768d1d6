/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a server's record of another host: refused with a finding, or read; what was read makes up a
 * document, or not, and the request in it is one, or not. */

#include <config.h>

#include "domain/doc.h"
#include "lib/text.h"
#include "plugin/registry.h"
#include "request/request.h"
#include "server/exported.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_record (struct vl_call *call, struct vl_registry *registry, struct vl_exported *e)
{
  struct vl_change *changes;
  struct vl_request *request;
  struct vl_doc *doc;
  size_t n = 0;

  if (vl_uuid_problem (e->record.uuid) || vl_server_name_problem (e->record.name)
      || e->generation < 1 || e->stored.n_rows == 0)
    abort ();
  doc = vl_doc_load (call, registry, e->stored.xml, e->stored.rows, e->stored.n_rows);
  /* Each part is found from its element. */
  if (doc)
    vl_doc_difference (call, doc, e->stored.rows, doc, e->stored.rows, &changes, &n);
  if (n)
    abort ();
  for (size_t i = 0; i < e->stored.n_rows; i++)
    (void)vl_path_is_unseen (e->stored.rows[i].path);
  vl_doc_free (doc);
  request = vl_request_read (call, e->record.request, strlen (e->record.request), "FILE");
  vl_request_free (request);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct vl_call *call = vl_call_new ();
  struct vl_registry *registry = vl_registry_new ();
  struct vl_exported exported;
  int result = vl_exported_read (call, (const char *)data, size, "FILE", &exported);

  for (size_t i = 0; i < call->findings.n; i++)
    if (vl_text_problem (call->findings.items[i].message, strlen (call->findings.items[i].message)))
      abort ();
  if ((result < 0) != (call->findings.n_errors > 0))
    abort ();
  if (result == 0)
    check_record (call, registry, &exported);
  vl_registry_free (registry);
  vl_call_free (call);
  return 0;
}
