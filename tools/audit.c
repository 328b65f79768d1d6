/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom audit: every pair of a catalogue's flavors and images, planned for every host.
 * There is one session for each host, which reads its file once. */

#include <config.h>

#include "audit.h"

#include <virtloom/ascii.h>

#include <pthread.h>
#include <unistd.h>

/* ---- faults ---- */

/* TEXT with '#' for each number. */
static char *
form_of (const char *text)
{
  char *form = vl_xstrdup (text), *to = form;

  for (const char *p = text; *p; p++)
    if (! vl_ascii_is_digit (*p))
      *to++ = *p;
    else if (p == text || ! vl_ascii_is_digit (p[-1]))
      *to++ = '#';
  *to = '\0';
  return form;
}

/* The fault of FAULTS that FINDING, whose message is of FORM (taken), is a case of. */
static struct audit_fault *
fault_of (struct audit_faults *faults, const struct vl_finding *finding, char *form)
{
  for (size_t i = 0; i < faults->n; i++) {
    struct audit_fault *fault = &faults->items[i];

    if (fault->finding.severity == finding->severity
        && VL_STREQ (fault->finding.code, finding->code)
        && VL_STREQ (fault->finding.plugin, finding->plugin) && VL_STREQ (fault->form, form)) {
      fault->varies |= ! VL_STREQ (fault->finding.message, finding->message);
      free (form);
      return fault;
    }
  }
  VL_GROW (faults->items, faults->n, faults->size);
  faults->items[faults->n] = (struct audit_fault) { .finding = *finding, .form = form };
  /* They are the plan's, and the fault is of many. */
  faults->items[faults->n].finding.origin = faults->items[faults->n].finding.path = NULL;
  return &faults->items[faults->n++];
}

static void
add_plan (struct audit_fault *fault, uint32_t plan)
{
  if (fault->n && fault->plans[fault->n - 1] == plan)
    return;
  VL_GROW (fault->plans, fault->n, fault->size);
  fault->plans[fault->n++] = plan;
}

static void
note_findings (const struct audit *audit, struct audit_host *host, uint32_t plan)
{
  enum vl_severity least = audit->tool->verbose ? VL_SEV_ADVICE : VL_SEV_WARNING;

  for (size_t i = 0; i < vl_findings_count (host->app); i++) {
    const struct vl_finding *finding = vl_findings_get (host->app, i);

    if (finding->severity <= least)
      add_plan (fault_of (&host->faults, finding, form_of (finding->message)), plan);
  }
}

static void
free_faults (struct audit_faults *faults)
{
  for (size_t i = 0; i < faults->n; i++) {
    free (faults->items[i].form);
    free (faults->items[i].plans);
  }
  free (faults->items);
}

/* Of two exit codes the one that weighs more, as of two findings. */
static int
heavier (int a, int b)
{
  static const int weight[] = { VL_ERR_REFUSED, VL_ERR_REQUEST, VL_ERR_CONFLICT,
                                VL_ERR_UNSUPPORTED };

  for (size_t i = 0; i < sizeof weight / sizeof weight[0]; i++)
    if (a == weight[i] || b == weight[i])
      return weight[i];
  return a ? a : b;
}

/* What was found on each host, together. */
static void
merge (struct audit *audit)
{
  for (size_t h = 0; h < audit->n_hosts; h++) {
    const struct audit_host *host = &audit->hosts[h];

    audit->n_refused += host->n_refused;
    for (size_t i = 0; i < host->faults.n; i++) {
      const struct audit_fault *from = &host->faults.items[i];
      struct audit_fault *to = fault_of (&audit->faults, &from->finding, vl_xstrdup (from->form));

      to->varies |= from->varies;
      for (size_t k = 0; k < from->n; k++)
        add_plan (to, from->plans[k]);
    }
  }
}

/* ---- plans ---- */

/* Sessions may be used in as many threads: a host is one's at a time. */
struct work {
  struct audit *audit;
  pthread_mutex_t lock;
  size_t next; /* host that nobody has taken */
};

static void
plan_pair (const struct audit *audit, struct audit_host *host, size_t flavor, size_t image)
{
  uint32_t number = (uint32_t)((flavor * audit->images.n + image) * audit->n_hosts
                               + (size_t)(host - audit->hosts));
  char *request = vl_xasprintf ("{\"flavor\": %s, \"image\": %s}",
                                audit->flavors.items[flavor].part, audit->images.items[image].part);
  struct vl_plan *plan = NULL;

  vl_findings_clear (host->app);
  if (vl_plan_request (host->app, request, strlen (request), "audit", &plan) < 0) {
    audit->refused[number] = 1;
    host->n_refused++;
    host->code = heavier (host->code, vl_findings_exit_code (host->app));
  }
  note_findings (audit, host, number);
  vl_plan_free (plan);
  free (request);
}

static void
plan_host (struct work *work, struct audit_host *host)
{
  const struct audit *audit = work->audit;

  for (size_t f = 0; f < audit->flavors.n; f++) {
    pthread_mutex_lock (&work->lock);
    vl_progress (audit->tool->call, "planning for %s: flavor %zu of %zu", host->name, f + 1,
                 audit->flavors.n);
    pthread_mutex_unlock (&work->lock);
    for (size_t i = 0; i < audit->images.n; i++)
      plan_pair (audit, host, f, i);
  }
}

static void *
plan_hosts (void *opaque)
{
  struct work *work = opaque;
  size_t host;

  for (;;) {
    pthread_mutex_lock (&work->lock);
    host = work->next++;
    pthread_mutex_unlock (&work->lock);
    if (host >= work->audit->n_hosts)
      return NULL;
    plan_host (work, &work->audit->hosts[host]);
  }
}

static void
plan_all (struct audit *audit)
{
  struct work work = { .audit = audit, .lock = PTHREAD_MUTEX_INITIALIZER };
  pthread_t threads[AUDIT_MOST_HOSTS];
  long cpus = sysconf (_SC_NPROCESSORS_ONLN);
  size_t n = 0;

  /* This thread is one of them. */
  while (n + 1 < audit->n_hosts && (long)n + 1 < cpus
         && pthread_create (&threads[n], NULL, plan_hosts, &work) == 0)
    n++;
  plan_hosts (&work);
  while (n)
    pthread_join (threads[--n], NULL);
}

/* Everything of HOST's session that calls back or is of the process: before there are
 * threads. */
static int
open_host (struct audit *audit, struct audit_host *host, const char *file)
{
  struct vl_app_options options = audit->tool->options;
  const char *driver = NULL;

  options.host_file = file;
  host->name = file ? file : "this host";
  host->app = vl_app_new (&options);
  if (vl_app_read (host->app) == 0) {
    fault_refuse (host->app);
    if (vl_app_load (host->app) == 0 && vl_app_host (host->app))
      driver = vl_app_driver (host->app);
  }
  if (driver == NULL)
    findings_copy (audit->tool->app, host->app, VL_SEV_ERROR);
  else
    audit->driver = vl_printf (audit->tool->call, "%s", driver);
  return driver ? 0 : -1;
}

/* ---- the call ---- */

static int
read_all (struct audit *audit)
{
  struct tool *tool = audit->tool;
  int bad = 0;

  if (! args_has (tool->args, "flavors") || ! args_has (tool->args, "images"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      "`openstack flavor list --long -f json > F.json` and `for i in $(openstack "
                      "image list -f value -c ID); do openstack image show -f json $i; done > "
                      "I.json` make them",
                      "'audit' needs --flavors FILE and --images FILE");
  for (const char *const *path = args_list (tool->args, "flavors"); *path; path++)
    bad |= audit_read_flavors (tool, *path, &audit->flavors);
  for (const char *const *path = args_list (tool->args, "images"); *path; path++)
    bad |= audit_read_images (tool, *path, &audit->images);
  if (audit->images.no_properties)
    vl_warn_as (tool->call, "NoProperties", NULL,
                "`openstack image show -f json` has them, `openstack image list` has not",
                "some images have no member for properties: what they ask of a host is not known");
  if (audit->flavors.no_properties)
    vl_warn_as (tool->call, "NoProperties", NULL, "`openstack flavor list --long -f json` has them",
                "some flavors have no member for properties: what they ask of a host is not known");
  return bad;
}

static int
open_hosts (struct audit *audit)
{
  static const char *const here[] = { NULL, NULL };
  struct tool *tool = audit->tool;
  const char *const *files = args_list (tool->args, "host");
  size_t n = 0, pairs = audit->flavors.n * audit->images.n;
  int bad = 0;

  for (; files[n]; n++)
    for (size_t i = 0; i < n; i++)
      if (VL_STREQ (files[i], files[n]))
        return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "give each host once",
                          "--host '%s' is given twice", files[n]);
  if (n == 0) {
    files = here;
    n = 1;
  }
  if (n > AUDIT_MOST_HOSTS || pairs > AUDIT_MOST_PLANS / n)
    return vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL,
                      "%zu flavors, %zu images and %zu hosts are too many; accepted: %d hosts, and "
                      "%d plans altogether",
                      audit->flavors.n, audit->images.n, n, AUDIT_MOST_HOSTS, AUDIT_MOST_PLANS);
  audit->refused = vl_xcalloc (pairs * n, 1);
  audit->hosts = vl_xcalloc (n, sizeof *audit->hosts);
  for (; audit->n_hosts < n; audit->n_hosts++)
    bad |= open_host (audit, &audit->hosts[audit->n_hosts], files[audit->n_hosts]);
  return bad;
}

static int
audit_run (struct tool *tool)
{
  struct audit audit = { .tool = tool };
  int result = read_all (&audit);

  if (result == 0)
    result = open_hosts (&audit);
  if (result == 0) {
    plan_all (&audit);
    merge (&audit);
    audit_show (&audit);
    for (size_t i = 0; i < audit.n_hosts; i++)
      result = heavier (result, audit.hosts[i].code);
  }
  free_faults (&audit.faults);
  for (size_t i = 0; i < audit.n_hosts; i++) {
    free_faults (&audit.hosts[i].faults);
    vl_app_free (audit.hosts[i].app);
  }
  free (audit.hosts);
  free (audit.refused);
  audit_list_free (&audit.flavors);
  audit_list_free (&audit.images);
  return result;
}

static const struct verb verbs[] = {
  { NULL, NULL, 0, 0, "flavors images", "table json",
    "what comes of each flavor with each image on each host",
    "virtloom audit --driver libvirt-kvm --flavors f.json --images i.json --host h1.json "
    "--host h2.json",
    VERB_NO_LOAD | VERB_WATCHED | VERB_NO_DEBUG | VERB_HOSTS, audit_run },
  { .run = NULL },
};

const struct noun audit_noun = { "audit", "a catalogue of flavors and images, planned at once",
                                 verbs };
