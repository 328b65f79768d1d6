/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-build TREE HOST: how long one build takes with all plugins of the build
 * tree, for the recorded host HOST, and what each part of it costs.  Lines are
 * `name value unit`; ratios compare with libxml2 alone, in the same run, each the median
 * of some rounds in turns.  It fails where a bound that was reached is no longer kept. */

#include <config.h>

#include "measure.h"
#include "server/session.h"
#include "domain/doc.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>

#define RUNS 2001
#define SCHEMA_RUNS 201
#define ROUNDS 5
/* Of a build with its schema check, in what libxml2 alone takes. */
#define CHECKED_BOUND 1.5

static const char request_text[] =
    "{\"name\": \"bench\", \"uuid\": \"fb30f09b-e4c3-51b0-ac98-dc74eae73def\","
    " \"flavor\": {\"name\": \"f\", \"vcpus\": 2, \"ram\": 512, \"disk\": 1, \"extra_specs\":"
    " {\"hw:watchdog_action\": \"reset\", \"hw_rng:rate_bytes\": \"1024\","
    " \"hw_rng:rate_period\": \"1000\", \"hw:hide_hypervisor_id\": \"true\", \"hw:pmu\": "
    "\"false\"}},"
    " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\", \"properties\":"
    " {\"hw_qemu_guest_agent\": \"yes\"}}, \"config_drive\": true,"
    " \"networks\": [{\"bridge\": \"br0\"}]}";

/* A guest with as many disks and interfaces: its build takes at most so many us. */
#define MANY_DISKS 20
#define MANY_NICS 10
#define MANY_BOUND 200.0

struct bench {
  const char *request;
  struct vl_app *app;
  struct vl_plugin *driver;
  const struct vl_host *host;
  char *xml;
};

static void
die (struct vl_call *call, const char *what)
{
  for (size_t i = 0; i < call->findings.n; i++)
    fprintf (stderr, "bench-build: %s\n", call->findings.items[i].message);
  fprintf (stderr, "bench-build: %s failed\n", what);
  exit (EXIT_FAILURE);
}

/* ---- our own builds ---- */

/* One build of REQUEST; microseconds.  The costs of each plugin are added to
 * COSTS, which is parallel to the registry (NULL: not wanted). */
static double
build_once (struct bench *bench, const struct vl_request *request, int schema, double *costs)
{
  struct vl_registry *registry = bench->app->registry;
  struct vl_call *call = vl_call_new ();
  struct vl_build build = {
    .call = call, .host = bench->host, .check_schema = schema, .timed = costs != NULL
  };
  double start = now (), took;

  build.guest =
      vl_guest_new (call, registry, bench->app->config, bench->driver, request, bench->host);
  vl_call_about (call, build.guest);
  if (vl_build_run (&build) < 0)
    die (call, "a build");
  took = now () - start;
  if (bench->xml == NULL)
    bench->xml = vl_xstrdup (vl_doc_xml (build.doc));
  for (size_t t = 0; costs && t < build.n_timings; t++)
    for (size_t i = 0; i < registry->n; i++)
      if (VL_STREQ (registry->plugins[i]->name, build.timings[t].plugin))
        costs[i] += (double)build.timings[t].ns / 1e3;
  vl_doc_free (build.doc);
  free (build.timings);
  free (build.claims);
  vl_call_free (call);
  return took;
}

static double
build_median (struct bench *bench, int schema, double *costs)
{
  size_t n = schema ? SCHEMA_RUNS : RUNS;
  double *times = vl_xcalloc (n, sizeof *times), middle;
  struct vl_request *request =
      vl_request_read (bench->app->call, bench->request, strlen (bench->request), "bench");

  if (request == NULL)
    die (bench->app->call, "reading the request");
  for (size_t i = 0; i < n; i++)
    times[i] = build_once (bench, request, schema, costs);
  middle = median (times, n);
  free (times);
  vl_request_free (request);
  return middle;
}

static double
read_median (struct bench *bench)
{
  double times[SCHEMA_RUNS];

  for (size_t i = 0; i < SCHEMA_RUNS; i++) {
    double start = now ();

    vl_request_free (
        vl_request_read (bench->app->call, request_text, sizeof request_text - 1, "bench"));
    times[i] = now () - start;
  }
  return median (times, SCHEMA_RUNS);
}

/* The same guest with more disks and interfaces. */
static char *
many_text (void)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_printf (&text, "%.*s, {\"bridge\": \"br0\"}",
                 (int)(sizeof request_text - 1 - strlen ("]}")), request_text);
  for (int i = 2; i < MANY_NICS; i++)
    vl_str_printf (&text, ", {\"bridge\": \"br%d\"}", i);
  /* Beside the root disk and the config drive. */
  vl_str_printf (&text, "], \"block_devices\": [");
  for (int i = 2; i < MANY_DISKS; i++)
    vl_str_printf (&text, "%s{\"path\": \"/srv/volumes/%d\", \"format\": \"raw\"}",
                   i > 2 ? ", " : "", i);
  vl_str_printf (&text, "]}");
  return vl_xstrdup (text.text);
}

/* How often TEXT has PART. */
static size_t
times_in (const char *text, const char *part)
{
  size_t n = 0;

  for (; (text = strstr (text, part)) != NULL; text++)
    n++;
  return n;
}

/* The build of a guest with many devices. */
static double
many_median (struct bench *bench)
{
  VL_AUTOFREE char *text = many_text ();
  struct bench many = { text, bench->app, bench->driver, bench->host, NULL };
  double rounds[ROUNDS];

  for (size_t i = 0; i < ROUNDS; i++)
    rounds[i] = build_median (&many, 0, NULL);
  if (times_in (many.xml, "<disk ") != MANY_DISKS
      || times_in (many.xml, "<interface ") != MANY_NICS)
    die (bench->app->call, "making a guest of many devices");
  free (many.xml);
  return median (rounds, ROUNDS);
}

static void
print_costs (const struct bench *bench, const double *costs, double total)
{
  const struct vl_registry *registry = bench->app->registry;

  for (size_t i = 0; i < registry->n; i++)
    if (costs[i] > 0) {
      printf ("plugin_%s %.2f us\n", registry->plugins[i]->name, costs[i] / RUNS);
      printf ("plugin_%s_share %.1f percent\n", registry->plugins[i]->name,
              100 * costs[i] / RUNS / total);
    }
}

/* ---- libxml2 alone ---- */

static void
say_nothing (void *opaque, const char *fmt, ...)
{
  (void)opaque;
  (void)fmt;
}

/* Makes the element that TEMPLATE is, and all below it, call by call. */
static void
make_element (xmlNodePtr parent, xmlNodePtr template)
{
  xmlNodePtr node = xmlNewChild (parent, NULL, template->name, NULL);

  for (xmlNsPtr ns = template->nsDef; ns; ns = ns->next)
    xmlNewNs (node, ns->href, ns->prefix);
  if (template->ns)
    xmlSetNs (node, xmlSearchNs (node->doc, node, template->ns->prefix));
  for (xmlAttrPtr attr = template->properties; attr; attr = attr->next)
    xmlNewProp (node, attr->name, attr->children->content);
  for (xmlNodePtr child = template->children; child; child = child->next) {
    if (child->type == XML_ELEMENT_NODE)
      make_element (node, child);
    else if (! xmlIsBlankNode (child))
      xmlNodeAddContent (node, child->content);
  }
}

static double
libxml2_once (xmlNodePtr template, xmlRelaxNGPtr rng)
{
  double start = now (), took;
  xmlDocPtr doc = xmlNewDoc (BAD_CAST "1.0");
  xmlNodePtr root = xmlNewDocNode (doc, NULL, template->name, NULL);
  xmlRelaxNGValidCtxtPtr validator;
  xmlChar *text;
  int length;

  xmlDocSetRootElement (doc, root);
  for (xmlAttrPtr attr = template->properties; attr; attr = attr->next)
    xmlNewProp (root, attr->name, attr->children->content);
  for (xmlNodePtr child = template->children; child; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      make_element (root, child);
  xmlDocDumpFormatMemory (doc, &text, &length, 1);
  validator = xmlRelaxNGNewValidCtxt (rng);
  xmlRelaxNGSetValidErrors (validator, say_nothing, say_nothing, NULL);
  if (xmlRelaxNGValidateDoc (validator, doc) != 0) {
    fprintf (stderr, "bench-build: libxml2's own document is not valid\n");
    exit (EXIT_FAILURE);
  }
  xmlRelaxNGFreeValidCtxt (validator);
  xmlFree (text);
  xmlFreeDoc (doc);
  took = now () - start;
  return took;
}

static double
libxml2_median (const char *xml)
{
  xmlDocPtr template = xmlReadMemory (xml, (int)strlen (xml), NULL, NULL, XML_PARSE_NONET);
  xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt (VL_LIBVIRT_SCHEMAS "/domain.rng");
  xmlRelaxNGPtr rng = xmlRelaxNGParse (parser);
  double times[SCHEMA_RUNS];

  if (rng == NULL) {
    fprintf (stderr, "bench-build: no schema in %s\n", VL_LIBVIRT_SCHEMAS);
    exit (EXIT_FAILURE);
  }
  for (size_t i = 0; i < SCHEMA_RUNS; i++)
    times[i] = libxml2_once (xmlDocGetRootElement (template), rng);
  xmlRelaxNGFree (rng);
  xmlRelaxNGFreeParserCtxt (parser);
  xmlFreeDoc (template);
  return median (times, SCHEMA_RUNS);
}

int
main (int argc, char **argv)
{
  struct vl_app_options options = { .driver = "libvirt-kvm", .quiet = 1 };
  struct bench bench = { .request = request_text };
  double build[ROUNDS], checked[ROUNDS], alone[ROUNDS], ratios[ROUNDS], checked_ratios[ROUNDS];
  double timed, many, *costs;

  if (argc != 3) {
    fprintf (stderr, "usage: bench-build TREE HOST\n");
    return EXIT_FAILURE;
  }
  options.tree_dir = argv[1];
  options.host_file = argv[2];
  bench.app = vl_app_new (&options);
  if (vl_app_load (bench.app) < 0)
    die (bench.app->call, "loading the plugins");
  bench.driver = vl_app_driver_plugin (bench.app);
  bench.host = bench.driver ? vl_app_host (bench.app) : NULL;
  if (bench.host == NULL)
    die (bench.app->call, "finding driver and host");
  costs = vl_xcalloc (bench.app->registry->n, sizeof *costs);
  for (size_t i = 0; i < ROUNDS; i++) {
    build[i] = build_median (&bench, 0, NULL);
    checked[i] = build_median (&bench, 1, NULL);
    alone[i] = libxml2_median (bench.xml);
    ratios[i] = build[i] / alone[i];
    checked_ratios[i] = checked[i] / alone[i];
  }
  timed = build_median (&bench, 0, costs);
  printf ("request_read %.1f us\n", read_median (&bench));
  printf ("build %.1f us\n", median (build, ROUNDS));
  printf ("build_checked %.1f us\n", median (checked, ROUNDS));
  printf ("libxml2_make_serialise_validate %.1f us\n", median (alone, ROUNDS));
  printf ("build_to_libxml2 %.2f ratio\n", median (ratios, ROUNDS));
  printf ("build_checked_to_libxml2 %.2f ratio\n", median (checked_ratios, ROUNDS));
  many = many_median (&bench);
  printf ("build_%d_disks_%d_nics %.1f us\n", MANY_DISKS, MANY_NICS, many);
  print_costs (&bench, costs, timed);
  free (costs);
  free (bench.xml);
  vl_app_free (bench.app);
  if (checked_ratios[ROUNDS / 2] > CHECKED_BOUND)
    fprintf (stderr, "bench-build: build_checked_to_libxml2 is above %.2f\n", CHECKED_BOUND);
  if (many > MANY_BOUND)
    fprintf (stderr, "bench-build: a guest of %d disks and %d interfaces takes more than %.0f us\n",
             MANY_DISKS, MANY_NICS, MANY_BOUND);
  return checked_ratios[ROUNDS / 2] > CHECKED_BOUND || many > MANY_BOUND ? EXIT_FAILURE
                                                                         : EXIT_SUCCESS;
}
