/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All shipped features, loaded for real, in shuffled orders: document, provenance
 * and findings are the same bytes.  And each pair of wishes together on a rich
 * host: a plan, or a refusal by a named rule, never an error of the schema. */

#include <config.h>

#include "context/app.h"
#include "domain/doc.h"
#include "request/guest.h"

#include <check.h>

#define ORDERS 200

/* One wish each: a flavor key or an image key. */
static const struct wish {
  int image;
  const char *key, *value;
} wishes[] = {
  { 0, "hw:watchdog_action", "reset" },
  { 0, "hw_rng:rate_bytes", "1024" },
  { 0, "hw:pmu", "false" },
  { 0, "hw:hide_hypervisor_id", "true" },
  { 0, "hw:mem_page_size", "2048" },
  { 0, "hw:numa_nodes", "2" },
  { 0, "hw:cpu_threads", "2" },
  { 0, "hw:boot_menu", "yes" },
  { 0, "hw:mem_encryption", "true" },
  { 0, "hw:nested_virt", "optional" },
  { 0, "hw:vif_multiqueue_enabled", "yes" },
  { 0, "quota:disk_read_bytes_sec", "1000000" },
  { 0, "quota:vif_inbound_average", "1000" },
  { 0, "trait:HW_CPU_X86_AVX", "required" },
  { 1, "hw_qemu_guest_agent", "yes" },
  { 1, "hw_machine_type", "q35" },
  { 1, "hw_firmware_type", "uefi" },
  { 1, "hw_firmware_stateless", "true" },
  { 1, "hw_scsi_model", "virtio-scsi" },
  { 1, "hw_disk_bus", "scsi" },
  { 1, "hw_cdrom_bus", "sata" },
  { 1, "hw_vif_model", "e1000" },
  { 1, "hw_video_model", "qxl" },
  { 1, "hw_input_bus", "virtio" },
  { 1, "hw_usb_model", "qemu-xhci" },
  { 1, "hw_sound_model", "ich9" },
  { 1, "os_type", "windows" },
  { 1, "hw_time_hpet", "true" },
  { 1, "os_secure_boot", "required" },
};
#define N_WISHES (sizeof wishes / sizeof wishes[0])

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
  struct vl_str flavor = { 0 }, image = { 0 }, request = { 0 };

  vl_str_add (&flavor, "");
  vl_str_add (&image, "");
  for (size_t i = 0; i < n; i++) {
    struct vl_str *to = list[i]->image ? &image : &flavor;

    vl_str_printf (to, "%s\"%s\": \"%s\"", to->length ? ", " : "", list[i]->key, list[i]->value);
  }
  vl_str_printf (&request,
                 "{\"name\": \"s\", \"config_drive\": true, \"networks\": [{\"bridge\": \"br0\"}],"
                 " \"flavor\": {\"name\": \"f\", \"vcpus\": 4, \"ram\": 1024, \"disk\": 1, "
                 "\"ephemeral\": 1, \"swap\": 64, \"extra_specs\": {%s}},"
                 " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\", \"properties\": {%s}}}",
                 flavor.text, image.text);
  vl_str_free (&flavor);
  vl_str_free (&image);
  return request.text;
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

  tcase_set_timeout (tcase, 120);
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
