/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Figures: what the host has and how much of it is taken, and what guests do with it.  All
 * guests are asked about by one call.  None is waited for that is busy with something else:
 * what it does not say is not known. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "virt.h"

#define FIGURES                                                                                    \
  (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON                  \
   | VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)
#define NS_PER_S INT64_C (1000000000)

/* ---- the host: the kernel's word, since libvirt is always one of this machine ---- */

/* The number of KiB behind NAME ("MemTotal:") in FILE, 0 where there is none. */
static int64_t
memory_line (FILE *file, const char *name)
{
  char line[256];
  int64_t number = 0;

  rewind (file);
  while (number == 0 && fgets (line, sizeof line, file))
    if (strncmp (line, name, strlen (name)) == 0)
      number = strtoll (line + strlen (name), NULL, 10);
  return number;
}

/* Nova's rule: caches are not taken. */
static void
measure_memory (struct vl_resources *resources)
{
  FILE *file = fopen ("/proc/meminfo", "re");
  int64_t total;

  if (file == NULL)
    return;
  total = memory_line (file, "MemTotal:");
  resources->memory_mb = total / 1024;
  resources->memory_mb_used = (total - memory_line (file, "MemFree:")
                               - memory_line (file, "Buffers:") - memory_line (file, "Cached:"))
                              / 1024;
  fclose (file);
}

static void
measure_disk (const char *folder, struct vl_resources *resources)
{
  struct statvfs fs;

  if (statvfs (folder, &fs) < 0)
    return;
  resources->local_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
  resources->local_bytes_used = (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize);
}

int
virt_get_host_cpu_stats (struct vl_call *call, struct vl_conn *conn, struct vl_host_cpu *cpu)
{
  unsigned long long user, nice, kernel, idle, iowait, irq, softirq;
  int64_t tick = NS_PER_S / sysconf (_SC_CLK_TCK);
  FILE *file = fopen ("/proc/stat", "re");
  char line[256];
  int got = 0;
  double mhz;

  (void)conn;
  if (file) {
    got = fscanf (file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &kernel, &idle,
                  &iowait, &irq, &softirq);
    fclose (file);
  }
  if (got != 7)
    return vl_refuse (call, VL_ERR_FAILED, NULL, "mount it: mount -t proc proc /proc",
                      "the kernel does not say what its processors did: '/proc/stat' cannot be "
                      "read");
  cpu->user = (int64_t)(user + nice) * tick;
  cpu->kernel = (int64_t)(kernel + irq + softirq) * tick;
  cpu->idle = (int64_t)idle * tick;
  cpu->iowait = (int64_t)iowait * tick;
  cpu->mhz = 0;
  file = fopen ("/proc/cpuinfo", "re");
  while (file && cpu->mhz == 0 && fgets (line, sizeof line, file))
    if (sscanf (line, "cpu MHz : %lf", &mhz) == 1)
      cpu->mhz = (int32_t)mhz;
  if (file)
    fclose (file);
  return 0;
}

/* ---- the host: libvirt's word ---- */

/* Without a word to any guest's QEMU: one that hangs is counted all the same. */
static int
write_taken (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTOTEXT char *name = virConnectGetHostname (conn->virt);
  virDomainPtr *domains = NULL;
  unsigned long version;
  int vcpus = 0, n, i;

  (void)job;
  if (name == NULL || virConnectGetVersion (conn->virt, &version) < 0)
    return virt_error (call, "cannot ask libvirt about this host");
  n = virConnectListAllDomains (conn->virt, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (n < 0)
    return virt_error (call, "cannot list the guests");
  for (i = 0; i < n; i++) {
    int each = virDomainGetVcpusFlags (domains[i], VIR_DOMAIN_AFFECT_LIVE);

    /* One that went away meanwhile takes nothing. */
    vcpus += each > 0 ? each : 0;
    virDomainFree (domains[i]);
  }
  free (domains);
  virResetLastError ();
  fprintf (answer, "%d %d %lu %s\n", n, vcpus, version, name);
  return 0;
}

int
virt_get_available_resource (struct vl_call *call, struct vl_conn *conn,
                             struct vl_resources *resources)
{
  struct virt_job job = { .work_ms = VIRT_QUICK_MS, .looks = 1 };
  struct vl_resources found = { .size = resources->size,
                                .vcpus = (int32_t)sysconf (_SC_NPROCESSORS_ONLN),
                                .vcpus_used = -1,
                                .guests = -1,
                                .hypervisor_version = -1,
                                .hypervisor_type = "QEMU",
                                .memory_mb = -1,
                                .memory_mb_used = -1,
                                .local_bytes = -1,
                                .local_bytes_used = -1 };
  const char *answer = "";
  char name[256];
  int result;

  measure_memory (&found);
  measure_disk (conn->state_dir, &found);
  result = virt_ask (call, conn, write_taken, &job, &answer);
  if (result == 0
      && sscanf (answer, "%d %d %d %255s", &found.guests, &found.vcpus_used,
                 &found.hypervisor_version, name)
             == 4)
    found.hypervisor_hostname = vl_printf (call, "%s", name);
  memcpy (resources, &found, resources->size < sizeof found ? resources->size : sizeof found);
  return result;
}

/* ---- guests ---- */

static void
write_record (struct vl_call *call, struct vl_conn *conn, const virDomainStatsRecord *record,
              FILE *answer)
{
  int state = VIR_DOMAIN_NOSTATE, reason = 0, i;
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (virDomainGetUUIDString (record->dom, uuid) < 0)
    return;
  (void)virTypedParamsGetInt (record->params, record->nparams, "state.state", &state);
  (void)virTypedParamsGetInt (record->params, record->nparams, "state.reason", &reason);
  fprintf (answer, "guest %s %d %s\n", uuid,
           (int)virt_state_of (call, conn, record->dom, state, reason),
           virDomainGetName (record->dom));
  for (i = 0; i < record->nparams; i++) {
    const virTypedParameter *param = &record->params[i];

    if (param->type == VIR_TYPED_PARAM_ULLONG)
      fprintf (answer, "%s %llu\n", param->field, param->value.ul);
    else if (param->type == VIR_TYPED_PARAM_UINT)
      fprintf (answer, "%s %u\n", param->field, param->value.ui);
    else if (param->type == VIR_TYPED_PARAM_STRING)
      fprintf (answer, "%s %s\n", param->field, param->value.s);
  }
}

/* With libvirt's driver in the process, what it does when it opens is waited for: until then
 * it says nothing of the guests that it has not spoken to. */
static int
settle_all (struct vl_call *call, struct vl_conn *conn)
{
  int64_t deadline = vl_clock_ms () + VIRT_HEAR_MS;
  virDomainPtr *domains = NULL;
  int i, n = 0;

  if (conn->embedded)
    n = virConnectListAllDomains (conn->virt, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (n < 0)
    return virt_error (call, "cannot list the guests");
  for (i = 0; i < n; i++) {
    int64_t left = deadline - vl_clock_ms ();

    virt_settle (conn, domains[i], left > 0 ? (unsigned)left : 0);
    virDomainFree (domains[i]);
  }
  free (domains);
  return 0;
}

static int
write_figures (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const unsigned nowait = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  virDomainStatsRecordPtr *records = NULL;
  int i, n;

  if (job->uuid == NULL) {
    if (settle_all (call, conn) < 0)
      return -1;
    n = virConnectGetAllDomainStats (conn->virt, FIGURES, &records,
                                     nowait | VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE);
  } else {
    virDomainPtr one[2] = { NULL, NULL };

    domain = virt_find (call, conn, job->uuid);
    if (domain == NULL || virt_state (call, conn, domain) < 0)
      return -1;
    if (conn->deaf)
      return virt_deaf (call, job->uuid, VIRT_HEAR_MS);
    one[0] = domain;
    n = virDomainListGetStats (one, FIGURES, &records, nowait);
  }
  if (n < 0)
    return virt_error (call, "cannot read the figures of the guests");
  for (i = 0; i < n; i++)
    write_record (call, conn, records[i], answer);
  virDomainStatsRecordListFree (records);
  return 0;
}

/* What write_record wrote of one guest. */
struct said {
  const char **names, **values;
  size_t n;
};

static const char *
text_of (const struct said *said, const char *name)
{
  for (size_t i = 0; i < said->n; i++)
    if (strcmp (said->names[i], name) == 0)
      return said->values[i];
  return NULL;
}

static int64_t
number_of (const struct said *said, const char *name)
{
  const char *text = text_of (said, name);

  return text ? strtoll (text, NULL, 10) : -1;
}

/* Number I of GROUP: its figure NAME. */
static int64_t
figure (struct vl_call *call, const struct said *said, const char *group, size_t i,
        const char *name)
{
  return number_of (said, vl_printf (call, "%s.%zu.%s", group, i, name));
}

/* How many there are of GROUP that were counted as COUNT. */
static size_t
count_of (const struct said *said, const char *count)
{
  int64_t n = number_of (said, count);

  return n > 0 ? (size_t)n : 0;
}

static void
read_disks (struct vl_call *call, const struct said *said, struct vl_diagnostics *d)
{
  size_t n = count_of (said, "block.count");
  struct vl_disk_figures *disks = vl_memory (call, (n + 1) * sizeof *disks);

  for (size_t i = 0; i < n; i++) {
    const char *target = text_of (said, vl_printf (call, "block.%zu.name", i));

    if (target == NULL)
      continue;
    disks[d->n_disks++] = (struct vl_disk_figures) {
      .target = target,
      .read_requests = figure (call, said, "block", i, "rd.reqs"),
      .read_bytes = figure (call, said, "block", i, "rd.bytes"),
      .write_requests = figure (call, said, "block", i, "wr.reqs"),
      .write_bytes = figure (call, said, "block", i, "wr.bytes"),
      .errors = figure (call, said, "block", i, "errors"),
    };
  }
  d->disks = disks;
}

static void
read_nics (struct vl_call *call, const struct said *said, struct vl_diagnostics *d)
{
  size_t n = count_of (said, "net.count");
  struct vl_nic_figures *nics = vl_memory (call, (n + 1) * sizeof *nics);

  for (size_t i = 0; i < n; i++) {
    const char *name = text_of (said, vl_printf (call, "net.%zu.name", i));

    if (name == NULL)
      continue;
    nics[d->n_nics++] = (struct vl_nic_figures) {
      .name = name,
      .rx_bytes = figure (call, said, "net", i, "rx.bytes"),
      .rx_packets = figure (call, said, "net", i, "rx.pkts"),
      .rx_errors = figure (call, said, "net", i, "rx.errs"),
      .rx_drop = figure (call, said, "net", i, "rx.drop"),
      .tx_bytes = figure (call, said, "net", i, "tx.bytes"),
      .tx_packets = figure (call, said, "net", i, "tx.pkts"),
      .tx_errors = figure (call, said, "net", i, "tx.errs"),
      .tx_drop = figure (call, said, "net", i, "tx.drop"),
    };
  }
  d->nics = nics;
}

static void
read_guest (struct vl_call *call, const struct said *said, struct vl_diagnostics *d)
{
  size_t n = count_of (said, "vcpu.maximum");
  int64_t *vcpus = vl_memory (call, (n + 1) * sizeof *vcpus);

  d->cpu_time = number_of (said, "cpu.time");
  d->memory = number_of (said, "balloon.current");
  d->max_memory = number_of (said, "balloon.maximum");
  d->memory_used = number_of (said, "balloon.rss");
  for (size_t i = 0; i < n; i++) {
    int64_t time = figure (call, said, "vcpu", i, "time");

    if (time >= 0)
      vcpus[d->n_vcpus++] = time;
  }
  d->vcpus = vcpus;
  read_disks (call, said, d);
  read_nics (call, said, d);
}

/* Calls FN for each guest of TEXT, which is what write_figures wrote, and taken apart. */
static int
read_figures (struct vl_call *call, char *text, vl_diagnostics_fn fn, void *opaque)
{
  size_t lines = 0;
  struct said said = { 0 };
  char *rest, *line;
  int result = 0;

  for (const char *at = text; *at; at++)
    lines += *at == '\n';
  said.names = vl_memory (call, (lines + 1) * sizeof *said.names);
  said.values = vl_memory (call, (lines + 1) * sizeof *said.values);
  line = strtok_r (text, "\n", &rest);
  while (line && result == 0) {
    struct vl_diagnostics d = { .size = sizeof d };
    char uuid[VIR_UUID_STRING_BUFLEN];
    int state, name;

    if (sscanf (line, "guest %36s %d %n", uuid, &state, &name) != 2)
      break;
    d.uuid = vl_printf (call, "%s", uuid);
    d.domain = line + name;
    d.state = (enum vl_state)state;
    said.n = 0;
    while ((line = strtok_r (NULL, "\n", &rest)) && strncmp (line, "guest ", 6) != 0) {
      char *space = strchr (line, ' ');

      if (space == NULL)
        continue;
      *space = '\0';
      said.names[said.n] = line;
      said.values[said.n++] = space + 1;
    }
    read_guest (call, &said, &d);
    result = fn (opaque, &d);
  }
  return result;
}

int
virt_get_instance_diagnostics (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                               vl_diagnostics_fn fn, void *opaque)
{
  struct virt_job job = { .uuid = uuid, .blind = 1, .work_ms = VIRT_QUICK_MS, .looks = 1 };
  const char *answer = "";
  char *text;

  if (virt_ask (call, conn, write_figures, &job, &answer) < 0)
    return -1;
  text = vl_memory (call, strlen (answer) + 1);
  memcpy (text, answer, strlen (answer) + 1);
  return read_figures (call, text, fn, opaque);
}
