/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All shipped features, loaded for real, in shuffled orders: document, provenance
 * and findings are the same bytes.  And each pair of wishes together on a rich
 * host: a plan, or a refusal by a named rule, never an error of the schema. */

#include <config.h>

#include "server/session.h"
#include "domain/doc.h"
#include "request/guest.h"

#include "unit/wishes.h"

#include <check.h>

#define ORDERS 200

static struct vl_app *app;

static void
start (const char *host)
{
  char *path = vl_xasprintf ("%s/hosts/%s.json", VL_TEST_SRCDIR, host);
  struct vl_app_options options = {
    .tree_dir = VL_TEST_BUILDDIR "/..",
    .driver = "libvirt-kvm",
    .host_file = path,
    .state_dir = "/var/lib/virtloom",
    .quiet = 1,
  };

  app = vl_app_new (&options);
  ck_assert_int_eq (vl_app_load (app), 0);
  free (path);
}

static char *
request_of (const struct wish *const *list, size_t n)
{
  return wishes_request (list, n, "true", "[{\"bridge\": \"br0\"}]");
}

/* Document, provenance and findings as one text; the caller frees. */
static char *
outcome (const char *request)
{
  struct vl_plan *plan = NULL;
  struct vl_str text = { 0 };

  vl_findings_clear (app);
  (void)! vl_plan_request (app, request, strlen (request), "request", &plan);
  vl_str_add (&text, plan && vl_plan_xml (plan) ? vl_plan_xml (plan) : "no document\n");
  for (size_t i = 0; plan && i < vl_plan_n_provenance (plan); i++) {
    const struct vl_provenance *row = vl_plan_provenance (plan, i);

    vl_str_printf (&text, "%s=%s <- %s, %s\n", row->path, row->value ? row->value : "", row->owners,
                   row->cause);
  }
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *f = vl_findings_get (app, i);

    vl_str_printf (&text, "%d %s %s: %s (%s)\n", (int)f->severity, f->code, f->plugin, f->message,
                   f->origin ? f->origin : "");
  }
  vl_plan_free (plan);
  return text.text;
}

static void
shuffle (unsigned *seed)
{
  struct vl_plugin **plugins = app->registry->plugins;

  for (size_t i = app->registry->n; i > 1; i--) {
    size_t j = (size_t)rand_r (seed) % i;
    struct vl_plugin *swap = plugins[i - 1];

    plugins[i - 1] = plugins[j];
    plugins[j] = swap;
  }
}

static void
check_orders (const struct wish *const *list, size_t n)
{
  char *request = request_of (list, n), *first;
  unsigned seed = 7;

  start ("kvm-x86_64");
  first = outcome (request);
  for (int i = 0; i < ORDERS; i++) {
    char *again;

    shuffle (&seed);
    again = outcome (request);
    ck_assert_msg (VL_STREQ (first, again), "order %d gives\n%s\ninstead of\n%s", i, again, first);
    free (again);
  }
  free (first);
  free (request);
  vl_app_free (app);
}

START_TEST (same_bytes_when_made)
{
  const struct wish *const list[] = { &wishes[0],  &wishes[2],  &wishes[3], &wishes[4],
                                      &wishes[14], &wishes[18], &wishes[26] };
  char *request = request_of (list, sizeof list / sizeof list[0]), *text;

  start ("kvm-x86_64");
  text = outcome (request);
  ck_assert_msg (strstr (text, "<domain") != NULL, "%s", text);
  free (text);
  free (request);
  vl_app_free (app);
  check_orders (list, sizeof list / sizeof list[0]);
}
END_TEST

START_TEST (same_bytes_when_refused)
{
  const struct wish *list[N_WISHES];

  for (size_t i = 0; i < N_WISHES; i++)
    list[i] = &wishes[i];
  check_orders (list, N_WISHES);
}
END_TEST

START_TEST (every_pair_is_made_or_refused_by_a_rule)
{
  const char *hosts[] = { "kvm-x86_64", "amd-sev" };

  for (size_t h = 0; h < 2; h++) {
    size_t made = 0, refused = 0;

    start (hosts[h]);
    for (size_t i = 0; i < N_WISHES; i++)
      for (size_t j = i; j < N_WISHES; j++) {
        const struct wish *const list[] = { &wishes[i], &wishes[j] };
        char *request = request_of (list, i == j ? 1 : 2), *text = outcome (request);

        if (strstr (text, "<domain"))
          made++;
        else
          refused++;
        for (size_t k = 0; k < vl_findings_count (app); k++) {
          const struct vl_finding *f = vl_findings_get (app, k);

          ck_assert_msg (f->err != VL_ERR_FAILED && ! strstr (f->code, "Schema"),
                         "%s: %s with %s: %s", hosts[h], wishes[i].key, wishes[j].key, text);
        }
        free (text);
        free (request);
      }
    ck_assert_uint_gt (made, N_WISHES);
    ck_assert_uint_gt (refused, 0);
    vl_app_free (app);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("shuffle");
  TCase *tcase = tcase_create ("orders");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tcase, 600);
  tcase_add_test (tcase, same_bytes_when_made);
  tcase_add_test (tcase, same_bytes_when_refused);
  tcase_add_test (tcase, every_pair_is_made_or_refused_by_a_rule);
  suite_add_tcase (suite, tcase);
  runner = srunner_create (suite);
  srunner_set_fork_status (runner, CK_NOFORK);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed != 0;
}
