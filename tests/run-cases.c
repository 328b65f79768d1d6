/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-test: runs golden cases.  Each DIR/cases/FEATURE/NAME.case says a request,
 * a host and settings, and after "expect:" what comes of it: the provenance lines
 * that FEATURE owns, or the refusal.  VL_TEST_REGENERATE=1 writes what came.
 *
 * With --live STATE each case is planned for this machine and driver qemu-tcg instead, and
 * what plans goes to STATE/plans/FEATURE.NAME.xml. */

#include <config.h>

#include <virtloom/virtloom.h>

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536

struct text {
  char *data;
  size_t length, size;
};

struct one_case {
  const char *feature;
  char *path, *driver, *host;
  json_t *request;
  struct text settings[64]; /* one file each: "NAME\n" then its lines */
  char *setting_files[64];
  size_t n_settings;
  char *shown; /* rows at and below this path are shown too, whoever owns them */
  struct text head, expected;
};

static const char *tree, *source, *live;
static const char *modules[16]; /* that are not installed; NULL-terminated */
static int n_done, n_failed;

static void
add (struct text *text, const char *more)
{
  size_t n = strlen (more);

  if (text->length + n + 1 > text->size) {
    text->size = 2 * (text->length + n + 1);
    text->data = realloc (text->data, text->size);
    if (text->data == NULL)
      abort ();
  }
  memcpy (text->data + text->length, more, n + 1);
  text->length += n;
}

static void __attribute__ ((format (printf, 2, 3))) addf (struct text *text, const char *fmt, ...)
{
  va_list args;
  char *line;

  va_start (args, fmt);
  if (vasprintf (&line, fmt, args) < 0)
    abort ();
  va_end (args);
  add (text, line);
  free (line);
}

/* A case's line that does not make sense is a broken test, not a failed one. */
static void
broken (const struct one_case *c, const char *line)
{
  printf ("Bail out! %s: cannot read the line \"%s\"\n", c->path, line);
  exit (1);
}

static json_t *
object_at (json_t *parent, const char *name)
{
  json_t *child = json_object_get (parent, name);

  if (child == NULL) {
    child = json_object ();
    json_object_set_new (parent, name, child);
  }
  return child;
}

/* "PLUGIN.setting=value", or "storage.images_type=flat" for virtloom.conf. */
static void
add_setting (struct one_case *c, char *value)
{
  char *equals = strchr (value, '='), *dot = strchr (value, '.');
  int core = strncmp (value, "storage.", 8) == 0 || strncmp (value, "virtloom.", 9) == 0;
  char *file;
  size_t i;

  if (equals == NULL || dot == NULL || dot > equals)
    broken (c, value);
  *dot = *equals = '\0';
  if (asprintf (&file, core ? "virtloom.conf/%s" : "plugins.d/%s.conf", value) < 0)
    abort ();
  for (i = 0; i < c->n_settings && strcmp (c->setting_files[i], file); i++)
    ;
  if (i == c->n_settings) {
    if (i == sizeof c->setting_files / sizeof c->setting_files[0])
      broken (c, value);
    c->setting_files[c->n_settings++] = file;
    addf (&c->settings[i], "[%s]\n", core ? value : "settings");
  } else
    free (file);
  addf (&c->settings[i], "%s = %s\n", dot + 1, equals + 1);
}

static void
add_property (struct one_case *c, const char *where, const char *under, char *value)
{
  char *equals = strchr (value, '=');
  json_t *text;

  if (equals == NULL)
    broken (c, value);
  *equals = '\0';
  text = json_stringn_nocheck (equals + 1, strlen (equals + 1));
  json_object_set_new_nocheck (object_at (object_at (c->request, where), under), value, text);
}

static void
read_line (struct one_case *c, char *line)
{
  static const char *const numbers[] = { "vcpus", "ram", "disk", "ephemeral", "swap" };
  char *value = strchr (line, ':');

  if (line[0] == '#' || line[0] == '\0')
    return;
  if (value == NULL)
    broken (c, line);
  *value++ = '\0';
  if (*value == ' ')
    value++;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strcmp (line, numbers[i]) == 0) {
      json_object_set_new (object_at (c->request, "flavor"), line, json_integer (atoll (value)));
      return;
    }
  if (strcmp (line, "driver") == 0) {
    free (c->driver);
    c->driver = strdup (value);
  } else if (strcmp (line, "host") == 0) {
    free (c->host);
    c->host = strdup (value);
  } else if (strcmp (line, "flavor") == 0)
    add_property (c, "flavor", "extra_specs", value);
  else if (strcmp (line, "image") == 0)
    add_property (c, "image", "properties", value);
  else if (strcmp (line, "request") == 0) {
    char *equals = strchr (value, '=');

    if (equals == NULL)
      broken (c, value);
    *equals = '\0';
    json_object_set_new_nocheck (object_at (c->request, "properties"), value,
                                 json_string_nocheck (equals + 1));
  } else if (strcmp (line, "set") == 0)
    add_setting (c, value);
  else if (strcmp (line, "show") == 0) {
    free (c->shown);
    c->shown = strdup (value);
  } else if (strcmp (line, "json") == 0) {
    json_t *more = json_loads (value, 0, NULL);

    if (more == NULL)
      broken (c, value);
    json_object_update_recursive (c->request, more);
    json_decref (more);
  } else
    broken (c, line);
}

static void
read_case (struct one_case *c)
{
  static char line[LINE_MAX_BYTES];
  FILE *file = fopen (c->path, "r");
  int in_expected = 0;
  json_t *flavor, *image;

  if (file == NULL)
    broken (c, strerror (errno));
  c->driver = strdup ("libvirt-kvm");
  c->host = strdup ("kvm-x86_64");
  c->request = json_object ();
  json_object_set_new (c->request, "name", json_string ("case"));
  flavor = object_at (c->request, "flavor");
  json_object_set_new (flavor, "name", json_string ("m1.case"));
  json_object_set_new (flavor, "vcpus", json_integer (1));
  json_object_set_new (flavor, "ram", json_integer (512));
  json_object_set_new (flavor, "disk", json_integer (1));
  image = object_at (c->request, "image");
  json_object_set_new (image, "name", json_string ("case-image"));
  json_object_set_new (image, "disk_format", json_string ("qcow2"));
  add (&c->head, "");
  add (&c->expected, "");
  while (fgets (line, sizeof line, file)) {
    if (in_expected) {
      add (&c->expected, line);
      continue;
    }
    add (&c->head, line);
    line[strcspn (line, "\n")] = '\0';
    if (strcmp (line, "expect:") == 0)
      in_expected = 1;
    else
      read_line (c, line);
  }
  fclose (file);
  if (! in_expected)
    add (&c->head, "expect:\n");
}

static int
owned_by (const char *owners, const char *feature)
{
  size_t n = strlen (feature);

  for (const char *p = owners; p; p = strchr (p, ',') ? strchr (p, ',') + 2 : NULL)
    if (strncmp (p, feature, n) == 0 && (p[n] == '\0' || p[n] == ','))
      return 1;
  return 0;
}

static void
add_finding (struct text *out, const struct vl_finding *f)
{
  static const char *const severities[] = { "", "error", "warning", "advice" };

  addf (out, "%s %s %s: %s", severities[f->severity], f->code, f->plugin, f->message);
  if (f->origin)
    addf (out, " (%s)", f->origin);
  add (out, "\n");
  if (f->hint)
    addf (out, "  %s\n", f->hint);
}

static void
describe (struct text *out, const struct one_case *c, struct vl_app *app,
          const struct vl_plan *plan)
{
  if (plan && vl_plan_xml (plan)) {
    for (size_t i = 0; i < vl_plan_n_provenance (plan); i++) {
      const struct vl_provenance *row = vl_plan_provenance (plan, i);

      if (! owned_by (row->owners, c->feature)
          && (c->shown == NULL || strncmp (row->path, c->shown, strlen (c->shown)) != 0))
        continue;
      add (out, row->path);
      if (row->value)
        addf (out, " = %s", row->value);
      addf (out, "  <- %s", row->owners);
      if (row->cause)
        addf (out, ", %s", row->cause);
      add (out, "\n");
    }
    for (size_t i = 0; i < vl_findings_count (app); i++)
      if (strcmp (vl_findings_get (app, i)->plugin, c->feature) == 0)
        add_finding (out, vl_findings_get (app, i));
    if (out->length == 0)
      add (out, "(nothing)\n");
    return;
  }
  for (size_t i = 0; i < vl_findings_count (app); i++)
    add_finding (out, vl_findings_get (app, i));
  addf (out, "exit %d\n", vl_findings_exit_code (app));
}

static void
write_file (const char *folder, const char *name, const char *text)
{
  char *path;
  FILE *file;

  if (asprintf (&path, "%s/%s", folder, name) < 0)
    abort ();
  file = fopen (path, "a");
  if (file == NULL || fputs (text, file) < 0 || fclose (file) || chmod (path, 0644)) {
    printf ("Bail out! cannot write %s\n", path);
    exit (1);
  }
  free (path);
}

/* The case's settings as a configuration folder of its own. */
static void
write_settings (const struct one_case *c, const char *folder)
{
  char *plugins;

  if (asprintf (&plugins, "%s/plugins.d", folder) < 0 || mkdir (plugins, 0755))
    abort ();
  free (plugins);
  for (size_t i = 0; i < c->n_settings; i++)
    write_file (folder,
                strncmp (c->setting_files[i], "virtloom.conf", 13) == 0 ? "virtloom.conf"
                                                                        : c->setting_files[i],
                c->settings[i].data);
}

static void
remove_settings (const struct one_case *c, const char *folder)
{
  char *path;

  for (size_t i = 0; i < c->n_settings; i++) {
    if (asprintf (&path, "%s/%s", folder,
                  strncmp (c->setting_files[i], "virtloom.conf", 13) == 0 ? "virtloom.conf"
                                                                          : c->setting_files[i])
        < 0)
      abort ();
    unlink (path);
    free (path);
  }
  if (asprintf (&path, "%s/plugins.d", folder) < 0)
    abort ();
  rmdir (path);
  free (path);
  rmdir (folder);
}

/* Findings name files of the temporary folder and of the tree; the expectation
 * does not. */
static void
replace_all (struct text *text, const char *what, const char *with)
{
  struct text out = { 0 };
  const char *p = text->data, *hit;

  add (&out, "");
  while (*what && (hit = strstr (p, what))) {
    char *part = strndup (p, (size_t)(hit - p));

    add (&out, part);
    free (part);
    add (&out, with);
    p = hit + strlen (what);
  }
  add (&out, p);
  free (text->data);
  *text = out;
}

/* One plan for this machine: its document, if there is one. */
static void
plan_live (struct one_case *c, struct vl_app *app, const char *request)
{
  struct vl_plan *plan = NULL;
  char *path;
  FILE *file;

  if (vl_app_load (app) == 0)
    (void)vl_plan_request (app, request, strlen (request), "request", &plan);
  if (plan && vl_plan_xml (plan)) {
    if (asprintf (&path, "%s/plans/%s.%s.xml", live, c->feature, strrchr (c->path, '/') + 1) < 0)
      abort ();
    file = fopen (path, "we");
    if (file == NULL || fputs (vl_plan_xml (plan), file) < 0 || fclose (file))
      abort ();
    free (path);
  }
  vl_plan_free (plan);
}

static void
run_case (const char *feature, const char *path)
{
  struct one_case c = { .feature = feature, .path = strdup (path) };
  char folder[] = "/tmp/vl-case-XXXXXX", *host, *request;
  struct vl_app_options options = { .tree_dir = tree, .modules = modules, .quiet = 1 };
  struct text out = { 0 };
  struct vl_plan *plan = NULL;
  struct vl_app *app;
  const char *name = strrchr (path, '/') + 1;

  read_case (&c);
  if (mkdtemp (folder) == NULL || chmod (folder, 0755))
    abort ();
  write_settings (&c, folder);
  if (asprintf (&host, "%s/hosts/%s.json", source, c.host) < 0)
    abort ();
  options.config_dir = folder;
  if (live) {
    free (c.driver);
    c.driver = strdup ("qemu-tcg");
  }
  options.driver = c.driver;
  /* A name of a host that is not here is that of one that is installed. */
  options.host_file = live ? NULL : access (host, R_OK) == 0 ? host : c.host;
  options.state_dir = live ? live : "/var/lib/virtloom";
  request = json_dumps (c.request, JSON_COMPACT);
  app = vl_app_new (&options);
  add (&out, "");
  /* Whatever fails is in the findings, and they are what is compared. */
  if (live)
    plan_live (&c, app, request);
  else if (vl_app_load (app) == 0)
    (void)vl_plan_request (app, request, strlen (request), "request", &plan);
  describe (&out, &c, app, plan);
  replace_all (&out, folder, "CONFIG");
  for (size_t i = 0; modules[i]; i++)
    replace_all (&out, modules[i], strrchr (modules[i], '/') + 1);
  if (tree)
    replace_all (&out, tree, "TREE");
  n_done++;
  if (live)
    printf ("ok %d - %s/%s\n", n_done, feature, name);
  else if (getenv ("VL_TEST_REGENERATE")) {
    FILE *file = fopen (path, "w");

    if (file == NULL || fputs (c.head.data, file) < 0 || fputs (out.data, file) < 0
        || fclose (file))
      abort ();
    printf ("ok %d - %s/%s written\n", n_done, feature, name);
  } else if (c.expected.length && strcmp (out.data, c.expected.data) == 0)
    printf ("ok %d - %s/%s\n", n_done, feature, name);
  else {
    n_failed++;
    printf ("not ok %d - %s/%s\n", n_done, feature, name);
    for (char *p = strtok (c.expected.data, "\n"); p; p = strtok (NULL, "\n"))
      printf ("# - %s\n", p);
    for (char *p = strtok (out.data, "\n"); p; p = strtok (NULL, "\n"))
      printf ("# + %s\n", p);
  }
  vl_plan_free (plan);
  vl_app_free (app);
  remove_settings (&c, folder);
  for (size_t i = 0; i < c.n_settings; i++) {
    free (c.settings[i].data);
    free (c.setting_files[i]);
  }
  free (c.head.data);
  free (c.expected.data);
  free (c.path);
  free (c.driver);
  free (c.host);
  free (c.shown);
  json_decref (c.request);
  free (request);
  free (host);
  free (out.data);
}

static int
is_case (const struct dirent *entry)
{
  size_t n = strlen (entry->d_name);

  return n > 5 && strcmp (entry->d_name + n - 5, ".case") == 0;
}

static int
is_folder (const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

static void
run_feature (const char *feature)
{
  struct dirent **names;
  char *folder, *path;
  int n;

  if (asprintf (&folder, "%s/cases/%s", source, feature) < 0)
    abort ();
  n = scandir (folder, &names, is_case, alphasort);
  for (int i = 0; i < n; i++) {
    if (asprintf (&path, "%s/%s", folder, names[i]->d_name) < 0)
      abort ();
    run_case (feature, path);
    free (path);
    free (names[i]);
  }
  if (n >= 0)
    free (names);
  free (folder);
}

static int
usage (FILE *file)
{
  fprintf (
      file,
      "usage: virtloom-test [--tree DIR] [--plugin FILE]... [--live STATE] DIR [FEATURE...]\n");
  return 2;
}

/* Takes the options at the beginning of ARGV; answers where the words begin, 0 on a
 * mistake. */
static int
read_options (char **argv)
{
  size_t n = 0;
  int at = 1;

  for (; argv[at] && strncmp (argv[at], "--", 2) == 0; at += 2) {
    char *path = argv[at + 1] ? realpath (argv[at + 1], NULL) : NULL;

    if (path == NULL) {
      fprintf (stderr, "%s: %s\n", argv[at], argv[at + 1] ? argv[at + 1] : "a value is missing");
      return 0;
    }
    if (strcmp (argv[at], "--tree") == 0)
      tree = path;
    else if (strcmp (argv[at], "--live") == 0)
      live = path;
    else if (strcmp (argv[at], "--plugin") == 0 && n + 1 < sizeof modules / sizeof modules[0])
      modules[n++] = path;
    else
      return 0;
  }
  return at;
}

int
main (int argc, char **argv)
{
  struct dirent **names;
  char *folder;
  int n, at;

  if (argc == 2 && strcmp (argv[1], "--help") == 0)
    return usage (stdout) - 2;
  at = read_options (argv);
  if (at == 0 || at >= argc)
    return usage (stderr);
  source = argv[at++];
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (at < argc)
    for (int i = at; i < argc; i++)
      run_feature (argv[i]);
  else {
    if (asprintf (&folder, "%s/cases", source) < 0)
      abort ();
    n = scandir (folder, &names, is_folder, alphasort);
    for (int i = 0; i < n; i++) {
      run_feature (names[i]->d_name);
      free (names[i]);
    }
    if (n >= 0)
      free (names);
    free (folder);
  }
  printf ("1..%d\n", n_done);
  return n_done == 0 || n_failed > 0;
}
