/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * drop-nodes TREE CONFIG STATE drop|change FLAVOR IMAGE [NETWORK...]: creates the
 * same server on qemu-tcg once for each node of its document, each time with a
 * libvirt that forgets that node or is told another value for it (shim/drop-node.c,
 * preloaded).  One line for each: what became of it, the owners, the path.
 *   mismatch  refused by the read-back, which names a path there and an owner
 *   refused   libvirt refused the definition
 *   kept      the definition that came back means the same
 *   unmet     the shim found no such node
 *   WRONG     anything else, or something was left behind; the findings follow */

#include <config.h>

#include <virtloom/virtloom.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A provenance path as XPath: "[type=usb,index=0]" is "[@type='usb'][@index='0']". */
static void
to_xpath (const char *path, char *text, size_t size)
{
  size_t n = 0;
  int keyed = 0;

  for (const char *c = path; *c && n + 8 < size; c++) {
    if (*c == '[' && strcspn (c, "=") < strcspn (c, "]")) {
      keyed = 1;
      n += (size_t)snprintf (text + n, size - n, "[@");
    } else if (keyed && *c == '=')
      n += (size_t)snprintf (text + n, size - n, "='");
    else if (keyed && *c == ',')
      n += (size_t)snprintf (text + n, size - n, "'][@");
    else if (keyed && *c == ']') {
      keyed = 0;
      n += (size_t)snprintf (text + n, size - n, "']");
    } else
      text[n++] = *c;
  }
  text[n] = '\0';
}

/* Another value of the same kind. */
static void
to_other (const char *value, char *text, size_t size)
{
  static const char *const pairs[][2] = {
    { "yes", "no" },
    { "on", "off" },
    { "virtio", "e1000" },
    { "hvm", "xen" },
    { "i6300esb", "ib700" },
    { "ich9", "ich6" },
    { "reset", "none" },
    { "q35", "pc" },
    { "qemu-xhci", "nec-xhci" },
    { "localtime", "utc" },
    { "tablet", "keyboard" },
    { "random", "egd" },
    { "host-model", "host-passthrough" },
    { "exact", "minimum" },
    { "require", "disable" },
    { "qxl", "vga" },
    { "none", "writeback" },
    { "qcow2", "raw" },
    { "hd", "network" },
    { "sysinfo", "host" },
    { "127.0.0.1", "127.0.0.2" },
    { "virtio-scsi", "lsilogic" },
  };
  size_t length = strlen (value);

  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
    for (int k = 0; k < 2; k++)
      if (strcmp (value, pairs[i][k]) == 0) {
        snprintf (text, size, "%s", pairs[i][! k]);
        return;
      }
  if (length < 10 && strspn (value, "0123456789") == length)
    snprintf (text, size, "%d", atoi (value) + 1);
  else if (length == 36 || length == 17) /* a uuid, a MAC: another last digit */
    snprintf (text, size, "%.*s%c", (int)length - 1, value, value[length - 1] == '0' ? '1' : '0');
  else
    snprintf (text, size, "%sx", value);
}

/* How many entries with a '-' in their name a folder has. */
static int
entries (const char *state, const char *folder)
{
  char path[512];
  DIR *dir;
  int n = 0;

  snprintf (path, sizeof path, "%s/%s", state, folder);
  dir = opendir (path);
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    n += strchr (entry->d_name, '-') != NULL;
  if (dir)
    closedir (dir);
  return n;
}

static int
left (const char *state)
{
  return entries (state, "servers") + entries (state, "libvirt/etc/qemu")
         + entries (state, "libvirt/run/qemu");
}

/* Is NAME one of OWNERS, "a, b"? */
static int
is_one (const char *name, const char *owners)
{
  size_t length = strlen (name);

  for (const char *at = owners; (at = strstr (at, name)); at += length)
    if ((at == owners || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
      return 1;
  return 0;
}

/* Is A the path of B, of something that B is in, or of an attribute of either? */
static int
is_above (const char *a, const char *b)
{
  const char *attr = strstr (a, "/@");
  size_t length = attr ? (size_t)(attr - a) : strlen (a);

  return strncmp (a, b, length) == 0 && (b[length] == '\0' || b[length] == '/');
}

/* Is it said of PATH, of something in it, or of what went with it, and does the
 * finding name an owner of what it is about? */
static int
is_named (const struct vl_app *app, const struct vl_plan *plan, const char *path)
{
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *f = vl_findings_get (app, i);

    if (f->severity != VL_SEV_ERROR || strcmp (f->code, "ReadBackMismatch") != 0 || f->path == NULL
        || (! is_above (path, f->path) && ! is_above (f->path, path)))
      continue;
    for (size_t k = 0; k < vl_plan_n_provenance (plan); k++) {
      const struct vl_provenance *node = vl_plan_provenance (plan, k);

      if (strcmp (node->path, f->path) == 0 && is_one (f->plugin, node->owners))
        return 1;
    }
  }
  return 0;
}

static int
is_said (const struct vl_app *app, const char *words)
{
  for (size_t i = 0; i < vl_findings_count (app); i++)
    if (strstr (vl_findings_get (app, i)->message, words))
      return 1;
  return 0;
}

static int
was_met (const char *file)
{
  FILE *in = fopen (file, "r");
  int met = in && fgetc (in) != EOF;

  if (in)
    fclose (in);
  return met;
}

static const char *
verdict (struct vl_app *app, const struct vl_plan *plan, const struct vl_create_options *options,
         const char *state, const char *path)
{
  const char *noted = getenv ("VL_TEST_DROPPED"), *word;
  int made;

  remove (noted);
  vl_findings_clear (app);
  made = vl_server_create (app, options, NULL) == 0;
  if (! was_met (noted))
    word = "unmet";
  else if (made || is_said (app, "cannot start guest"))
    word = "kept";
  else if (is_said (app, "libvirt does not accept guest"))
    word = "refused";
  else
    word = is_named (app, plan, path) ? "mismatch" : "WRONG";
  if (made && vl_server_delete (app, options->name, 0, NULL) < 0)
    word = "WRONG";
  return left (state) == 0 ? word : "WRONG";
}

static void
try_node (struct vl_app *app, const struct vl_plan *plan, const struct vl_create_options *options,
          const char *state, const struct vl_provenance *node, int change, int text)
{
  char path[1024], other[512];
  const char *word;

  if (change)
    to_other (node->value, other, sizeof other);
  to_xpath (node->path, path, sizeof path - sizeof "/text()");
  if (text)
    strcat (path, "/text()");
  setenv ("VL_TEST_DROP", path, 1);
  if (change)
    setenv ("VL_TEST_VALUE", other, 1);
  word = verdict (app, plan, options, state, node->path);
  printf ("%s\t%s\t%s%s%s%s\n", word, node->owners, node->path, text ? "/text()" : "",
          change ? " = " : "", change ? other : "");
  if (strcmp (word, "WRONG") == 0)
    for (size_t i = 0; i < vl_findings_count (app); i++)
      fprintf (stderr, "%s: %s\n", node->path, vl_findings_get (app, i)->message);
}

int
main (int argc, char **argv)
{
  struct vl_app_options how = { .driver = "qemu-tcg", .quiet = 1 };
  struct vl_create_options options = { .name = "forgotten" };
  struct vl_plan *plan = NULL;
  struct vl_app *app;
  int change, answer = 0;

  if (argc < 7 || getenv ("VL_TEST_DROPPED") == NULL) {
    fprintf (stderr, "usage: drop-nodes TREE CONFIG STATE drop|change FLAVOR IMAGE [NETWORK...]\n");
    return 2;
  }
  how.tree_dir = argv[1];
  how.config_dir = argv[2];
  how.state_dir = argv[3];
  change = strcmp (argv[4], "change") == 0;
  options.flavor = argv[5];
  options.image = argv[6];
  options.networks = (const char *const *)argv + 7;
  app = vl_app_new (&how);
  if (vl_app_load (app) < 0 || vl_plan_create (app, &options, &plan) < 0
      || vl_plan_n_provenance (plan) == 0) {
    for (size_t i = 0; i < vl_findings_count (app); i++)
      fprintf (stderr, "%s\n", vl_findings_get (app, i)->message);
    answer = 1;
  }
  for (size_t i = 0; answer == 0 && i < vl_plan_n_provenance (plan); i++) {
    const struct vl_provenance *node = vl_plan_provenance (plan, i);
    int is_attr = strstr (node->path, "/@") != NULL;

    if (strcmp (node->path, "/domain") == 0 || strstr (node->path, "/@xmlns"))
      continue;
    if (! change)
      try_node (app, plan, &options, argv[3], node, 0, 0);
    if (node->value && (change || ! is_attr))
      try_node (app, plan, &options, argv[3], node, change, ! is_attr);
  }
  vl_plan_free (plan);
  vl_app_free (app);
  return answer;
}
