/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disks and NICs that come to a guest, or go from it.  Its definition is made anew of the whole
 * document; a guest that has a process gets or loses the parts besides.  What goes is asked for
 * and then looked for by short pieces of work, since the guest's own system decides when it lets
 * go. */

#include <config.h>

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virt.h"

/* Between two looks at a guest that was asked to let go; where libvirt says when it has, between
 * two that find out that it will not say so any more. */
#define LOOK_MS 20
#define DEAF_LOOK_MS 500
/* So long the embedded driver is kept for it: most guests let go at once, and libvirt that opens at
 * the moment in which a disk goes takes the guest for broken and kills it. */
#define HOLD_MS 5000

/* ---- which part is which ---- */

static const char *
said (const struct vl_xml *node, const char *path, const char *attr)
{
  const struct vl_xml *below = path ? vl_xml_find (node, path) : node;
  const char *text = below ? vl_xml_attr (below, attr) : NULL;

  return text ? text : "";
}

/* Do both, elements of `devices`, stand for one thing?  A disk is told by its name in the guest, a
 * NIC by its address, a controller by its number. */
static int
is_same (const struct vl_xml *a, const struct vl_xml *b)
{
  const char *name = vl_xml_name (a);

  if (strcmp (name, vl_xml_name (b)) != 0)
    return 0;
  if (strcmp (name, "disk") == 0)
    return strcmp (said (a, "target", "dev"), said (b, "target", "dev")) == 0;
  if (strcmp (name, "interface") == 0)
    return strcmp (said (a, "mac", "address"), said (b, "mac", "address")) == 0;
  return strcmp (said (a, NULL, "type"), said (b, NULL, "type")) == 0
         && strcmp (said (a, NULL, "index"), said (b, NULL, "index")) == 0;
}

/* The element of DOMAIN that PART is, or NULL. */
static const struct vl_xml *
find_part (struct vl_call *call, const struct vl_xml *domain, const struct vl_device_part *part)
{
  const struct vl_xml *wanted = vl_xml_read (call, part->xml, strlen (part->xml));
  const struct vl_xml *devices = vl_xml_child (domain, "devices"), *found = NULL;

  if (wanted && devices)
    found = vl_xml_child (devices, vl_xml_name (wanted));
  while (found && ! is_same (found, wanted))
    found = vl_xml_next (found, vl_xml_name (wanted));
  return found;
}

int
virt_read_live (struct vl_call *call, virDomainPtr domain, const struct vl_xml **live,
                const char **xml)
{
  VIRT_AUTOTEXT char *text = NULL;

  if (domain == NULL || ! virt_alive (domain))
    return 0;
  text = virDomainGetXMLDesc (domain, 0);
  if (text == NULL)
    return virt_error (call, "cannot read guest '%s'", virt_domain_name (domain));
  *xml = vl_printf (call, "%s", text);
  *live = vl_xml_read (call, *xml, strlen (*xml));
  return *live ? 1 : -1;
}

/* ---- coming ---- */

/* libvirt has no place for the device that is PART. */
static int
refuse_part (struct vl_call *call, const struct vl_device_change *change,
             const struct vl_device_part *part, const char *code)
{
  const char *said_by = virGetLastErrorMessage ();

  if (strstr (said_by, "No more available PCI slots"))
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, code, NULL,
                  "guests have as many free slots as num_pcie_ports in plugins.d/pcie-ports.conf "
                  "says; this one gets them by virtloom server reboot --hard --update",
                  "guest '%s' has no free PCI slot for '%s' while it runs", change->after->domain,
                  part->id ? part->id : "a controller");
  else
    vl_refuse_as (call, VL_ERR_FAILED, code, NULL, NULL, "cannot attach '%s' to guest '%s': %s",
                  part->id ? part->id : "a controller", change->after->domain, said_by);
  virResetLastError ();
  return -1;
}

static const char *
failed_code (const struct vl_device_part *parts, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (parts[i].id && strncmp (parts[i].xml, "<interface", strlen ("<interface")) == 0)
      return "InterfaceAttachFailed";
  return "VolumeAttachFailed";
}

/* What the guest has already is left as it is: an earlier command brought it. */
static int
bring (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *change,
       virDomainPtr domain, const struct vl_xml *live)
{
  const struct vl_device_part *parts = change->parts.rows;

  for (size_t i = 0; i < change->parts.count; i++) {
    int came = 0;

    if (find_part (call, live, &parts[i]))
      continue;
    if (virt_hold (conn) == 0)
      came = virDomainAttachDeviceFlags (domain, parts[i].xml, VIR_DOMAIN_AFFECT_LIVE);
    if (virt_let_go (conn) < 0 || came < 0)
      return refuse_part (call, change, &parts[i], failed_code (parts, change->parts.count));
  }
  return 0;
}

int
virt_prove (struct vl_call *call, const struct vl_device_change *change, virDomainPtr domain,
            const char *follows)
{
  const struct vl_xml *live;
  const char *xml;
  int runs = virt_read_live (call, domain, &live, &xml);

  if (runs <= 0)
    return runs;
  return vl_doc_read_back (call, change->after->doc, xml, 1) < 0
                 || virt_prove_files (call, change->after, xml, follows) < 0
             ? -1
             : 0;
}

/* Has the guest asked to let go of PART, which is in LIVE.  0, or -1 after a finding. */
static int
ask_for (struct vl_call *call, virDomainPtr domain, const struct vl_xml *found)
{
  const char *alias = said (found, "alias", "name");

  if (*alias == '\0')
    return vl_refuse_as (call, VL_ERR_FAILED, "InternalError", NULL, NULL,
                         "libvirt has no name for a device of guest '%s' that is to go",
                         virDomainGetName (domain));
  if (virDomainDetachDeviceAlias (domain, alias, VIR_DOMAIN_AFFECT_LIVE) == 0
      || virt_last_code () == VIR_ERR_DEVICE_MISSING || virt_last_code () == VIR_ERR_NO_DOMAIN
      || ! virt_alive (domain)
      || strstr (virGetLastErrorMessage (), "already in the process of unplug")) {
    virResetLastError ();
    return 0;
  }
  return virt_error (call, "cannot detach '%s' from guest '%s'", alias, virt_domain_name (domain));
}

/* Asks for all that was brought, without waiting, and puts the definition back that was BEFORE. */
static void
take_back (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *change,
           virDomainPtr domain, const char *before)
{
  const struct vl_device_part *parts = change->parts.rows;
  const struct vl_xml *live = NULL, *found;
  const char *xml;

  for (size_t i = change->parts.count; i-- > 0;)
    if (virt_read_live (call, domain, &live, &xml) == 1
        && (found = find_part (call, live, &parts[i])))
      ask_for (call, domain, found);
  virt_put_back (call, conn, domain, before);
}

static int
attach_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_device_change *change = job->change;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  VIRT_AUTODOMAIN virDomainPtr old = NULL;
  VIRT_AUTOTEXT char *before = NULL;
  const struct vl_xml *live = NULL;
  const char *xml;
  int runs;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &old) < 0)
    return -1;
  if (old && virt_hears (call, conn, old, job->uuid) < 0)
    return -1;
  if (old) {
    before = virDomainGetXMLDesc (old, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (before == NULL)
      return virt_error (call, "cannot read the definition of guest '%s'", change->after->domain);
  }
  domain = virt_define_judged (call, conn, change->after);
  if (domain == NULL)
    return -1;
  runs = virt_read_live (call, domain, &live, &xml);
  if (runs == 0
      || (runs > 0 && bring (call, conn, change, domain, live) == 0
          && virt_prove (call, change, domain, "it is taken out again") == 0))
    return 0;
  take_back (call, conn, change, domain, before);
  return -1;
}

static int
attach (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *change)
{
  struct virt_job job = { .uuid = change->after->uuid, .blind = 1, .change = change };

  return virt_do_awake (call, conn, &job, attach_guest);
}

/* ---- going ---- */

/* How many parts the guest has still; with ASK it is asked for the first. */
static int
count_left (struct vl_call *call, const struct virt_job *job, virDomainPtr domain, int ask)
{
  const struct vl_device_part *parts = job->change->parts.rows;
  const struct vl_xml *live = NULL, *found;
  const char *xml;
  int left = 0, runs = virt_read_live (call, domain, &live, &xml);

  for (size_t i = 0; runs > 0 && i < job->change->parts.count; i++) {
    found = find_part (call, live, &parts[i]);
    if (found && left++ == 0 && ask && ask_for (call, domain, found) < 0)
      return -1;
  }
  return runs < 0 ? -1 : left;
}

/* Can QEMU say of each disk whose it is?  Not for a moment after one has gone. */
static int
has_settled (virDomainPtr domain)
{
  virDomainDiskError errors[1];
  int n = virDomainGetDiskErrors (domain, errors, 1, 0);

  for (int i = 0; i < n; i++)
    free (errors[i].disk);
  virResetLastError ();
  return n >= 0 || ! virt_alive (domain);
}

/* ---- that a device has gone ---- */

/* The descriptor that becomes readable then is OPAQUE itself. */
static void
on_removed (virConnectPtr virt, virDomainPtr domain, const char *alias, void *opaque)
{
  const uint64_t one = 1;

  (void)virt;
  (void)domain;
  (void)alias;
  if (write ((int)(intptr_t)opaque, &one, sizeof one) < 0)
    return; /* the next look sees it */
}

static void
forget_removed (void *opaque)
{
  close ((int)(intptr_t)opaque);
}

struct removed {
  int fd; /* -1: libvirt does not say it */
  int id; /* of the listener */
};

/* Listens before the guest is asked, so that nothing is missed. */
static struct removed
listen_for_removed (const struct vl_conn *conn, virDomainPtr domain)
{
  struct removed removed = { .fd = conn->own_loop ? -1 : eventfd (0, EFD_CLOEXEC), .id = -1 };
  int other = removed.fd < 0 ? -1 : dup (removed.fd);

  if (other >= 0)
    removed.id = virConnectDomainEventRegisterAny (
        conn->virt, domain, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
        VIR_DOMAIN_EVENT_CALLBACK (on_removed), (void *)(intptr_t)other, forget_removed);
  if (removed.id >= 0)
    return removed;
  virResetLastError ();
  if (other >= 0)
    close (other);
  if (removed.fd >= 0)
    close (removed.fd);
  removed.fd = -1;
  return removed;
}

static void
listen_no_more (const struct vl_conn *conn, const struct removed *removed)
{
  if (removed->fd < 0)
    return;
  if (virConnectDomainEventDeregisterAny (conn->virt, removed->id) < 0)
    virResetLastError ();
  close (removed->fd);
}

/* Waits for the event, until DEADLINE at most. */
static void
await_removed (const struct removed *removed, int64_t deadline)
{
  struct pollfd event = { .fd = removed->fd, .events = POLLIN };
  int64_t left = deadline - vl_clock_ms (), most = removed->fd < 0 ? LOOK_MS : DEAF_LOOK_MS;
  uint64_t times;

  if (poll (&event, 1,
            (int)(left < 0      ? 0
                  : left < most ? left
                                : most))
          == 1
      && read (removed->fd, &times, sizeof times) < 0)
    return;
}

/* Asks the guest for the first part and waits up to MS milliseconds: how many parts it has then. */
static int
ask_and_wait (struct vl_call *call, const struct vl_conn *conn, const struct virt_job *job,
              virDomainPtr domain, unsigned ms)
{
  struct removed removed = listen_for_removed (conn, domain);
  int64_t deadline = vl_clock_ms () + ms;
  int left = count_left (call, job, domain, 1), now = left;

  while (now > 0 && now == left && vl_clock_ms () < deadline) {
    await_removed (&removed, deadline);
    now = count_left (call, job, domain, 0);
  }
  listen_no_more (conn, &removed);
  for (deadline += HOLD_MS; now >= 0 && now < left && ! has_settled (domain);) {
    if (vl_clock_ms () >= deadline)
      break;
    virt_sleep (LOOK_MS);
  }
  return now;
}

/* LEFT, and where nothing is left the guest's definition is without it, too. */
static int
end_if_gone (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, int left)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  if (left)
    return left;
  domain = virt_define_judged (call, conn, job->change->after);
  return domain ? 0 : -1;
}

static int
ask_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain && virt_hears (call, conn, domain, job->uuid) < 0)
    return -1;
  return end_if_gone (call, conn, job,
                      domain ? ask_and_wait (call, conn, job, domain, job->hold_ms) : 0);
}

static int
look_at_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain)
    virt_settle (conn, domain, VIRT_ACT_MS);
  return end_if_gone (call, conn, job, count_left (call, job, domain, 0));
}

static int
refuse_held (struct vl_call *call, const struct vl_device_change *change, unsigned attempts,
             unsigned seconds)
{
  const struct vl_device_part *parts = change->parts.rows;
  const char *id = "a controller";

  for (size_t i = 0; i < change->parts.count; i++)
    if (parts[i].id)
      id = parts[i].id;
  return vl_refuse_as (
      call, VL_ERR_FAILED, "DeviceDetachFailed", NULL,
      "the guest's system has to let go of it: unmount it there, and detach it "
      "again; a guest that is paused, or has no system that hears, cannot",
      "guest '%s' was asked %u times to let go of '%s', and has it after %u s each",
      change->after->domain, attempts, id, seconds);
}

static int
detach (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *change)
{
  unsigned seconds = conn->detach_timeout;
  unsigned attempts = change->once ? 1 : conn->detach_attempts;
  unsigned hold = conn->apart && seconds * 1000 > HOLD_MS ? HOLD_MS : seconds * 1000, asked = 0;
  const struct virt_job job = {
    .uuid = change->after->uuid, .blind = 1, .change = change, .hold_ms = hold
  };
  /* What is taken back may never have come, and then QEMU need not be asked. */
  int left = change->once || change->parts.count == 0 ? virt_do (call, conn, look_at_guest, &job)
                                                      : (int)change->parts.count;

  while (left > 0) {
    struct vl_wait wait = { .what = vl_printf (call, "guest '%s' to let go of a device, up to %u s",
                                               change->after->domain, seconds * attempts),
                            .ms = seconds * 1000 - hold };
    int now = virt_do_awake (call, conn, &job, ask_guest);

    /* Each part that is gone is followed by the next. */
    asked = now < left ? 0 : asked + 1;
    left = now;
    while (left > 0 && asked > 0 && vl_wait_more (call, &wait, -1))
      ;
    if (left > 0 && asked == attempts && wait.ms > 0)
      left = virt_do (call, conn, look_at_guest, &job);
    if (left > 0 && asked == attempts)
      return refuse_held (call, change, attempts, seconds);
  }
  return left;
}

const struct vl_devices_calls virt_devices_calls = {
  .size = sizeof (struct vl_devices_calls),
  .attach_volume = attach,
  .detach_volume = detach,
  .attach_interface = attach,
  .detach_interface = detach,
  .extend_volume = virt_extend_volume,
  .change_live = virt_change_live,
  .swap_volume = virt_swap_volume,
  .volume_snapshot_create = virt_volume_snapshot_create,
  .volume_snapshot_delete = virt_volume_snapshot_delete,
};
