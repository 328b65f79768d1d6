/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A guest goes to the libvirt of another host while it runs.  One thread waits for libvirt, which talks
 * to the other one by itself; the other thread watches how far it is, lets the guest stand still
 * for longer the longer it takes, and ends what takes too long: the rules are those of Nova's
 * libvirt driver and of its options live_migration_*. */

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "virt.h"

#define LOOK_MS 50u
#define ASK_MS 500
/* A migration ends by itself, or by its completion timeout, in which a host may trust for days. */
#define NO_END_MS 0x7fffffffu
#define GIB ((int64_t)1 << 30)

struct going {
  struct vl_call *call;
  struct vl_conn *conn;
  const struct vl_migrate_data *data;
  const char *dest;
  vl_migration_fn fn;
  void *opaque;
  virDomainPtr domain;
  /* Of the thread that waits. */
  const char *uri;
  virTypedParameterPtr params;
  int n, n_params;
  unsigned flags;
  atomic_int ended;
  int result, code;
  char why[1024];
  /* Of the one that watches. */
  int64_t begun, data_gb, told;
  int64_t step; /* of the downtime, which comes next */
  int ran, forced, late;
};

int
virt_live_judge (struct vl_call *call, const struct vl_conn *conn)
{
  if (! conn->embedded)
    return 0;
  return vl_refuse_as (
      call, VL_ERR_UNSUPPORTED, "LiveMigrationURINotAvailable", NULL,
      "stop the guest and move it then; or set connection_uri = qemu:///system for "
      "guests that are to be moved while they run",
      "guests of libvirt's embedded driver are not moved while they run: no other "
      "host can connect to it");
}

/* ---- can it? ---- */

/* <cpu> of XML, or NULL where it names no model that could be compared. */
static const char *
cpu_of (struct vl_call *call, const char *xml)
{
  const char *begin = strstr (xml, "<cpu "), *end = begin ? strstr (begin, "</cpu>") : NULL;
  const char *cpu = end ? vl_printf (call, "%.*s", (int)(end - begin) + 6, begin) : NULL;

  return cpu && strstr (cpu, "<model") ? cpu : NULL;
}

static int
compare (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_migrate_data *data = job->more;
  int result =
      virConnectCompareHypervisorCPU (conn->virt, NULL, NULL, NULL, conn->type, data->cpu, 0);

  (void)answer;
  if (result == VIR_CPU_COMPARE_ERROR && virt_last_code () == VIR_ERR_NO_SUPPORT)
    result = virConnectCompareCPU (conn->virt, data->cpu, 0);
  if (result == VIR_CPU_COMPARE_ERROR) {
    const char *why = vl_printf (call, "%s", virGetLastErrorMessage ());

    virResetLastError ();
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL,
                         "give the <cpu> that check_can_live_migrate_source has answered",
                         "the guest's processor cannot be compared with this host's: %s", why);
  }
  return result == VIR_CPU_COMPARE_INCOMPATIBLE
             ? vl_refuse_as (call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL,
                             "another host, or a guest with a CPU model that both have",
                             "this host's processor lacks what the guest's has")
             : 0;
}

int
virt_check_can_live_migrate_destination (struct vl_call *call, struct vl_conn *conn,
                                         struct vl_migrate_data *data)
{
  struct virt_job job = { .more = data, .work_ms = VIRT_QUICK_MS };
  const char *addr = vl_str (call, "live-migration-inbound-addr");

  if (virt_live_judge (call, conn) < 0)
    return -1;
  data->inbound_addr = addr && *addr ? addr : NULL;
  return data->cpu && cpu_of (call, data->cpu) ? virt_do (call, conn, compare, &job) : 0;
}

static int
not_in_state (struct vl_call *call, const char *uuid, const char *what)
{
  return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                       "virtloom server list shows what it is", "guest '%s' %s", uuid, what);
}

static int
describe (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);
  VIRT_AUTOTEXT char *xml = NULL;

  if (domain == NULL)
    return -1;
  if (! virt_alive (domain))
    return not_in_state (call, job->uuid, "is off: it cannot be moved while it runs");
  xml = virDomainGetXMLDesc (domain, VIR_DOMAIN_XML_MIGRATABLE);
  if (xml == NULL)
    return virt_error (call, "cannot read the document of guest '%s'", job->uuid);
  fputs (xml, answer);
  return 0;
}

int
virt_check_can_live_migrate_source (struct vl_call *call, struct vl_conn *conn,
                                    struct vl_migrate_data *data)
{
  struct virt_job job = { .uuid = data->uuid, .work_ms = VIRT_QUICK_MS, .blind = 1 };
  const char *xml = NULL;

  if (virt_live_judge (call, conn) < 0 || virt_ask (call, conn, describe, &job, &xml) < 0)
    return -1;
  data->domain = virt_name_of (call, data->uuid);
  data->cpu = cpu_of (call, xml);
  if (data->xml == NULL)
    data->xml = xml;
  return 0;
}

/* ---- how it goes ---- */

static void
add_text (struct going *g, const char *name, const char *value)
{
  virTypedParamsAddString (&g->params, &g->n, &g->n_params, name, value);
}

static unsigned
flags_of (struct going *g, int copies)
{
  struct vl_call *call = g->call;
  int post_copy = vl_bool (call, "live-migration-permit-post-copy") && g->ran;

  return VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_UNDEFINE_SOURCE
         | VIR_MIGRATE_PERSIST_DEST | (copies ? VIR_MIGRATE_NON_SHARED_INC : 0)
         | (vl_bool (call, "live-migration-tunnelled") ? VIR_MIGRATE_TUNNELLED : 0)
         | (vl_bool (call, "live-migration-with-native-tls") ? VIR_MIGRATE_TLS : 0)
         | (post_copy ? VIR_MIGRATE_POSTCOPY : 0)
         | (! post_copy && vl_bool (call, "live-migration-permit-auto-converge")
                ? VIR_MIGRATE_AUTO_CONVERGE
                : 0)
         | (vl_int (call, "live-migration-parallel-connections") > 1 ? VIR_MIGRATE_PARALLEL : 0);
}

/* An address of IPv6 in brackets. */
static const char *
in_uri (struct vl_call *call, const char *host)
{
  return strchr (host, ':') ? vl_printf (call, "[%s]", host) : host;
}

/* Where the other libvirt is reached, or NULL after a finding. */
static const char *
uri_of (struct vl_call *call, const char *dest)
{
  const char *template = vl_str (call, "live-migration-uri"), *at;
  const char *scheme = vl_str (call, "live-migration-scheme");

  if (template == NULL || *template == '\0')
    return vl_printf (call, "qemu+%s://%s/system", scheme && *scheme ? scheme : "tcp",
                      in_uri (call, dest));
  at = strstr (template, "%s");
  if (at && strchr (template, '%') == at && strchr (at + 1, '%') == NULL)
    return vl_printf (call, "%.*s%s%s", (int)(at - template), template, in_uri (call, dest),
                      at + 2);
  vl_refuse_as (
      call, VL_ERR_UNSUPPORTED, "LiveMigrationURINotAvailable", NULL,
      "for instance live_migration_uri = qemu+ssh://%s/system",
      "setting live_migration_uri = '%s' says not once where the host's name stands (%%s)",
      template);
  return NULL;
}

/* Without a list libvirt would copy all disks, volumes too, so that none is no copy. */
static int
prepare (struct going *g)
{
  struct vl_call *call = g->call;
  const struct vl_migrate_data *data = g->data;
  int copies = data->block_migration == 1 && data->migrate_disks && *data->migrate_disks;
  int64_t bandwidth = vl_int (call, "live-migration-bandwidth");
  int parallel = (int)vl_int (call, "live-migration-parallel-connections");

  g->uri = uri_of (call, g->dest);
  if (g->uri == NULL)
    return -1;
  g->flags = flags_of (g, copies);
  if (data->xml) {
    add_text (g, VIR_MIGRATE_PARAM_DEST_XML, data->xml);
    add_text (g, VIR_MIGRATE_PARAM_PERSIST_XML, data->xml);
  }
  if (data->inbound_addr && ! (g->flags & VIR_MIGRATE_TUNNELLED))
    add_text (g, VIR_MIGRATE_PARAM_URI,
              vl_printf (call, "tcp://%s", in_uri (call, data->inbound_addr)));
  for (const char *const *disk = data->migrate_disks;
       copies && ! (g->flags & VIR_MIGRATE_TUNNELLED) && *disk; disk++)
    add_text (g, VIR_MIGRATE_PARAM_MIGRATE_DISKS, *disk);
  if (bandwidth > 0)
    virTypedParamsAddULLong (&g->params, &g->n, &g->n_params, VIR_MIGRATE_PARAM_BANDWIDTH,
                             (unsigned long long)bandwidth);
  if (parallel > 1)
    virTypedParamsAddInt (&g->params, &g->n, &g->n_params, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS,
                          parallel);
  vl_debug (call, "migrating '%s' to '%s', flags 0x%x, bandwidth %lld, parallel %d%s%s", data->uuid,
            g->uri, g->flags, (long long)bandwidth, parallel, data->inbound_addr ? ", by " : "",
            data->inbound_addr ? data->inbound_addr : "");
  return 0;
}

static void *
wait_for_libvirt (void *opaque)
{
  struct going *g = opaque;

  g->result = virDomainMigrateToURI3 (g->domain, g->uri, g->params, (unsigned)g->n, g->flags);
  if (g->result < 0) {
    g->code = virt_last_code ();
    snprintf (g->why, sizeof g->why, "%s", virGetLastErrorMessage ());
    virResetLastError ();
  }
  atomic_store (&g->ended, 1);
  return NULL;
}

/* Of the parts of a guest in GiB, each counts as 2 at least. */
static int64_t
at_least_2 (int64_t bytes)
{
  int64_t gib = (bytes + GIB - 1) / GIB;

  return gib > 2 ? gib : 2;
}

static int64_t
measure (struct going *g)
{
  int64_t gb = at_least_2 ((int64_t)virDomainGetMaxMemory (g->domain) * 1024);

  for (const char *const *disk = g->data->migrate_disks;
       (g->flags & VIR_MIGRATE_NON_SHARED_INC) && *disk; disk++) {
    virDomainBlockInfo info;

    gb += virDomainGetBlockInfo (g->domain, *disk, &info, 0) == 0
              ? at_least_2 ((int64_t)info.capacity)
              : 2;
  }
  virResetLastError ();
  return gb;
}

/* ---- the one that watches ---- */

/* The guest may stand still for longer, the longer it takes. */
static void
raise_downtime (struct going *g, int64_t seconds)
{
  struct vl_call *call = g->call;
  int64_t steps = vl_int (call, "live-migration-downtime-steps");
  int64_t most = vl_int (call, "live-migration-downtime");
  int64_t delay = vl_int (call, "live-migration-downtime-delay") * g->data_gb;
  int64_t base = most / steps;

  while (g->step <= steps && seconds >= delay * g->step) {
    int64_t ms = base + (most - base) * g->step / steps;

    if (virDomainMigrateSetMaxDowntime (g->domain, (unsigned long long)ms, 0) < 0) {
      virResetLastError ();
      return; /* not yet, or not any more */
    }
    vl_debug (call, "downtime of '%s': up to %lld ms", g->data->uuid, (long long)ms);
    g->step++;
  }
}

/* Where post-copy is not possible the guest is paused, so that it makes no more to copy. */
int
virt_force_migration (struct vl_call *call, virDomainPtr domain, int post_copy)
{
  if (post_copy && virDomainMigrateStartPostCopy (domain, 0) == 0)
    return 0;
  if (post_copy)
    virt_warning (call, "the migration of guest '%s' cannot be finished by post-copy",
                  virt_domain_name (domain));
  return virDomainSuspend (domain) == 0
             ? 0
             : virt_error (call, "cannot pause guest '%s'", virt_domain_name (domain));
}

/* libvirt refuses to end what it only prepares, and QEMU what has not begun: so an order is given until the
 * move has come to its end. */
static void
obey (struct going *g, int order)
{
  if (order == VL_MIGRATION_ABORT)
    virDomainAbortJob (g->domain);
  if (order == VL_MIGRATION_FORCE_COMPLETE && ! g->forced)
    g->forced =
        virt_force_migration (g->call, g->domain, (g->flags & VIR_MIGRATE_POSTCOPY) != 0) == 0;
  virResetLastError ();
}

static int64_t
figure (virTypedParameterPtr params, int n, const char *name)
{
  unsigned long long value;

  return virTypedParamsGetULLong (params, n, name, &value) == 1 ? (int64_t)value : -1;
}

static int
tell (struct going *g, int64_t elapsed)
{
  virTypedParameterPtr params = NULL;
  int type, n = 0, order = VL_MIGRATION_GOES_ON;
  struct vl_migration_progress p = { .size = sizeof p, .elapsed = elapsed };

  if (virDomainGetJobStats (g->domain, &type, &params, &n, 0) < 0) {
    virResetLastError ();
    return VL_MIGRATION_GOES_ON;
  }
  p.iteration = (int32_t)figure (params, n, VIR_DOMAIN_JOB_MEMORY_ITERATION);
  p.downtime = figure (params, n, VIR_DOMAIN_JOB_DOWNTIME);
  p.memory_total = figure (params, n, VIR_DOMAIN_JOB_MEMORY_TOTAL);
  p.memory_remaining = figure (params, n, VIR_DOMAIN_JOB_MEMORY_REMAINING);
  p.disk_total = figure (params, n, VIR_DOMAIN_JOB_DISK_TOTAL);
  p.disk_remaining = figure (params, n, VIR_DOMAIN_JOB_DISK_REMAINING);
  p.bps = figure (params, n, VIR_DOMAIN_JOB_MEMORY_BPS);
  vl_debug (g->call, "'%s': %lld of %lld MiB of memory are left", g->data->uuid,
            (long long)p.memory_remaining >> 20, (long long)p.memory_total >> 20);
  if (g->fn)
    order = g->fn (g->opaque, &p);
  virTypedParamsFree (params, n);
  virResetLastError ();
  return order;
}

static void
watch (struct going *g)
{
  int64_t timeout = vl_int (g->call, "live-migration-completion-timeout") * g->data_gb * 1000;
  int64_t interval = vl_int (g->call, "live-migration-monitor-interval") * 1000, asked = 0;
  int forces = strcmp (vl_str (g->call, "live-migration-timeout-action"), "force_complete") == 0;
  int order = VL_MIGRATION_GOES_ON;

  g->begun = vl_clock_ms ();
  while (! atomic_load (&g->ended)) {
    int64_t elapsed = vl_clock_ms () - g->begun;

    virt_sleep (LOOK_MS);
    if (elapsed - asked < ASK_MS)
      continue;
    asked = elapsed;
    raise_downtime (g, elapsed / 1000);
    if (timeout && elapsed > timeout && ! g->late) {
      g->late = 1;
      vl_debug (g->call, "the move of '%s' takes longer than %lld s", g->data->uuid,
                (long long)timeout / 1000);
    }
    if (g->late)
      obey (g, forces ? VL_MIGRATION_FORCE_COMPLETE : VL_MIGRATION_ABORT);
    if (elapsed - g->told >= interval) {
      int ordered = tell (g, elapsed);

      g->told = elapsed;
      order = ordered == VL_MIGRATION_GOES_ON ? order : ordered;
    }
    obey (g, order);
  }
}

/* ---- how it ended ---- */

/* Where a guest is that has begun to run elsewhere cannot be told from here: it is left as it is. */
static int
stays (struct going *g)
{
  int state = VIR_DOMAIN_NOSTATE, reason = 0;

  if (virDomainGetState (g->domain, &state, &reason, 0) < 0 || state == VIR_DOMAIN_SHUTOFF
      || state == VIR_DOMAIN_CRASHED
      || (state == VIR_DOMAIN_PAUSED
          && (reason == VIR_DOMAIN_PAUSED_POSTCOPY
              || reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED))) {
    virResetLastError ();
    return 0;
  }
  if (g->ran && state == VIR_DOMAIN_PAUSED && virDomainResume (g->domain) < 0)
    virt_warning (g->call, "guest '%s' is left paused", g->data->uuid);
  return 1;
}

static int
judge (struct going *g)
{
  struct vl_call *call = g->call;
  int here;

  if (g->result == 0)
    return 0;
  here = stays (g);
  if (here && (g->late || g->code == VIR_ERR_OPERATION_ABORTED))
    vl_refuse_as (call, VL_ERR_FAILED, "MigrationError", NULL,
                  g->late ? "raise live_migration_completion_timeout, or live_migration_downtime"
                          : "it goes on here; try again when it may be moved",
                  "the move of guest '%s' to '%s' was given up%s", g->data->uuid, g->dest,
                  g->late ? ", since it took longer than live_migration_completion_timeout" : "");
  else
    vl_refuse_as (call, VL_ERR_FAILED, "MigrationError", NULL,
                  here ? "it goes on here; the log of the destination's libvirtd may say more"
                       : "see on both hosts where it runs before anything else is done",
                  "guest '%s' could not be moved to '%s': %s", g->data->uuid, g->dest, g->why);
  return here ? -1 : 1;
}

static int
go (struct going *g)
{
  pthread_t thread;
  int state = VIR_DOMAIN_NOSTATE, reason = 0;

  if (virDomainGetState (g->domain, &state, &reason, 0) < 0)
    return virt_error (g->call, "cannot see guest '%s'", g->data->uuid);
  if (state != VIR_DOMAIN_RUNNING && state != VIR_DOMAIN_PAUSED)
    return not_in_state (g->call, g->data->uuid, "is off: it cannot be moved while it runs");
  g->ran = state == VIR_DOMAIN_RUNNING;
  if (prepare (g) < 0)
    return -1;
  g->data_gb = measure (g);
  if (pthread_create (&thread, NULL, wait_for_libvirt, g) != 0)
    return vl_refuse (g->call, VL_ERR_FAILED, NULL, "is there memory left?",
                      "cannot make a thread for libvirt");
  watch (g);
  pthread_join (thread, NULL);
  return judge (g);
}

static int
migrate (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  struct going g = *(const struct going *)job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);
  int result = -1;

  (void)answer;
  g.call = call;
  g.conn = conn;
  g.domain = domain;
  if (domain)
    result = go (&g);
  virTypedParamsFree (g.params, g.n);
  return result;
}

int
virt_live_migration (struct vl_call *call, struct vl_conn *conn, const struct vl_migrate_data *data,
                     const char *dest, vl_migration_fn fn, void *opaque)
{
  struct going g = { .data = data, .dest = dest, .fn = fn, .opaque = opaque };
  struct virt_job job = { .uuid = data->uuid, .more = &g, .work_ms = NO_END_MS, .blind = 1 };

  return virt_live_judge (call, conn) < 0 ? -1 : virt_do (call, conn, migrate, &job);
}
