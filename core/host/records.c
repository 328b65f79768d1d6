/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a call has recorded, on its way to another process: each text with its length, an
 * absent one as length 0. */

#include <config.h>

#include "host/host.h"

#include <stdio.h>

static void
put (FILE *file, const char *text)
{
  uint32_t length = text ? (uint32_t)strlen (text) + 1 : 0;

  fwrite (&length, sizeof length, 1, file);
  fwrite (text ? text : "", 1, length, file);
}

/* *TEXT lives as long as CALL.  1; 0 where it is absent; -1 where the file ends before. */
static int
get (struct vl_call *call, FILE *file, const char **text)
{
  uint32_t length;
  char *bytes;

  *text = NULL;
  if (fread (&length, sizeof length, 1, file) != 1)
    return -1;
  if (length == 0)
    return 0;
  *text = bytes = vl_arena_alloc (call->arena, length);
  return fread (bytes, 1, length, file) == length && bytes[length - 1] == '\0' ? 1 : -1;
}

size_t
vl_records_count (struct vl_call *call)
{
  return call->findings.n;
}

void
vl_records_write (struct vl_call *call, size_t first, FILE *file)
{
  VL_AUTOFREE char *facts = call->probing ? vl_host_to_lines (call->probing) : NULL;

  for (size_t i = first; i < call->findings.n; i++) {
    const struct vl_finding *f = &call->findings.items[i];

    put (file, f->message);
    put (file, vl_printf (call, "%d %d", (int)f->severity, (int)f->err));
    put (file, f->code);
    put (file, f->plugin);
    put (file, f->property);
    put (file, f->origin);
    put (file, f->path);
    put (file, f->hint);
  }
  put (file, NULL);
  put (file, call->findings.repeated ? "" : NULL);
  put (file, facts);
  for (const struct vl_address *seen = call->addresses; seen; seen = seen->next) {
    put (file, seen->device);
    put (file, seen->text);
  }
  put (file, NULL);
  put (file, vl_printf (call, "%u %u %u", call->seen_back.times, call->seen_back.live,
                        call->seen_back.own));
}

static int
get_findings (struct vl_call *call, FILE *file)
{
  const char *message, *numbers;
  int more, severity, err;

  while ((more = get (call, file, &message)) == 1) {
    struct vl_report report;

    if (get (call, file, &numbers) != 1 || sscanf (numbers, "%d %d", &severity, &err) != 2
        || get (call, file, &report.code) < 0 || get (call, file, &report.plugin) < 0
        || get (call, file, &report.property) < 0 || get (call, file, &report.origin) < 0
        || get (call, file, &report.path) < 0 || get (call, file, &report.hint) < 0)
      return -1;
    report.severity = (enum vl_severity)severity;
    report.err = (enum vl_err)err;
    vl_report (call, &report, "%s", message);
  }
  if (more < 0 || (more = get (call, file, &message)) < 0)
    return -1;
  call->findings.repeated |= more;
  return 0;
}

static int
get_facts (struct vl_call *call, FILE *file)
{
  struct vl_host *fresh;
  const char *lines;
  int more = get (call, file, &lines);

  if (more <= 0 || call->probing == NULL)
    return more;
  fresh = vl_host_from_lines (lines);
  vl_host_merge (call->probing, fresh);
  vl_host_free (fresh);
  return 0;
}

static int
get_addresses (struct vl_call *call, FILE *file)
{
  struct vl_address **end = &call->addresses, one = { 0 };
  int more;

  *end = NULL;
  while ((more = get (call, file, &one.device)) == 1) {
    if (get (call, file, &one.text) != 1)
      return -1;
    *end = vl_arena_alloc (call->arena, sizeof one);
    **end = one;
    end = &(*end)->next;
  }
  return more;
}

static int
get_seen_back (struct vl_call *call, FILE *file)
{
  struct vl_seen_back *seen = &call->seen_back;
  const char *numbers;

  return get (call, file, &numbers) == 1
                 && sscanf (numbers, "%u %u %u", &seen->times, &seen->live, &seen->own) == 3
             ? 0
             : -1;
}

int
vl_records_read (struct vl_call *call, FILE *file)
{
  if (get_findings (call, file) == 0 && get_facts (call, file) == 0
      && get_addresses (call, file) == 0 && get_seen_back (call, file) == 0)
    return 0;
  return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "what a child process recorded is incomplete");
}
