/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom config import-nova: a configuration folder made of Nova's.  Which setting an
 * option stands for is said by the rows alone; old names, drivers, and what it means that
 * an option is not carried over, by nova-options.conf.  Values are shown of options alone
 * that a setting stands for: any other may be a secret. */

#include <config.h>

#include "nova-import.h"

#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sys/stat.h>

#define FILE_LIMIT ((size_t)1 << 20)
#define MOST_FILES 200
/* Of a line in a configuration file of virtloom's. */
#define LONGEST_LINE 198

void
import_tell (struct import *im, enum vl_severity severity, const char *code,
             const struct nova_option *option, const char *fmt, ...)
{
  struct vl_finding finding = { .severity = severity, .err = VL_ERR_REQUEST, .code = code };
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  finding.origin = option->origin;
  finding.message = text;
  if (severity == VL_SEV_ERROR && code && VL_STREQ (code, "NotSupported"))
    finding.err = VL_ERR_UNSUPPORTED;
  (void)vl_findings_add (im->tool->call, &finding);
  im->bad |= severity == VL_SEV_ERROR;
  free (text);
}

/* ---- reading ---- */

static int
read_file (struct import *im, struct nova_conf *conf, const char *path)
{
  size_t length;
  char *text = tool_read (im->tool, path, FILE_LIMIT, &length);
  int result;

  if (text == NULL)
    return -1;
  result = strlen (text) == length ? nova_read (conf, path, text)
                                   : vl_refuse (im->tool->call, VL_ERR_REQUEST, NULL, NULL,
                                                "'%s' has a NUL byte", path);
  free (text);
  return result;
}

static int
is_conf (const struct dirent *entry)
{
  size_t length = strlen (entry->d_name);

  return entry->d_name[0] != '.' && length > 5 && VL_STREQ (entry->d_name + length - 5, ".conf");
}

/* A file, or the files *.conf of a folder in byte order of their names. */
static int
read_word (struct import *im, const char *path)
{
  struct vl_call *call = im->tool->call;
  struct dirent **entries;
  struct stat st;
  int result = 0, n;

  if (VL_STREQ (path, "-") || stat (path, &st) < 0 || ! S_ISDIR (st.st_mode))
    return read_file (im, &im->conf, path);
  n = scandir (path, &entries, is_conf, alphasort);
  if (n < 0)
    return vl_refuse (call, VL_ERR_NOT_PERMITTED, NULL, NULL, "'%s' cannot be read: %s", path,
                      strerror (errno));
  if (n == 0)
    result = vl_refuse (call, VL_ERR_NOT_FOUND, NULL, NULL, "folder '%s' has no file *.conf", path);
  for (int i = 0; i < n; i++) {
    if (im->conf.n_files < MOST_FILES)
      result |= read_file (im, &im->conf, vl_printf (call, "%s/%s", path, entries[i]->d_name));
    free (entries[i]);
  }
  free (entries);
  return result;
}

static int
read_all (struct import *im)
{
  struct tool *tool = im->tool;
  const char *tree = tool->options.tree_dir;
  const char *table = tree ? vl_printf (tool->call, "%s/packaging/nova-options.conf", tree)
                           : VL_DATADIR "/nova-options.conf";
  int result = read_file (im, &im->names, table);

  for (size_t i = 0; i < tool->args->n_words; i++)
    result |= read_word (im, tool->args->words[i]);
  if (im->conf.n_files >= MOST_FILES)
    result =
        vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL, "more than %d files", MOST_FILES - 1);
  if (result == 0)
    nova_settle (&im->conf, &im->names);
  return result;
}

const char *
import_known (const struct import *im, const char *section, const char *key)
{
  const char *said = vl_printf (im->tool->call, "%s.%s", section, key);

  for (size_t i = 0; i < im->names.n; i++)
    if (VL_STREQ (im->names.options[i].said, said))
      return im->names.options[i].value;
  return "";
}

int
import_among (const char *list, const char *text)
{
  char *copy = vl_xstrdup (list), *rest = copy, *word;
  int found = 0;

  while (! found && (word = strsep (&rest, " \t\n")))
    found = *word && fnmatch (word, text, 0) == 0;
  free (copy);
  return found;
}

/* ---- writing ---- */

static struct file *
file_at (struct import *im, const char *path)
{
  for (size_t i = 0; i < im->n_files; i++)
    if (VL_STREQ (im->files[i].path, path))
      return &im->files[i];
  VL_GROW (im->files, im->n_files, im->files_size);
  im->files[im->n_files] = (struct file) { .path = path, .mode = 0644, .lines = 1 };
  vl_str_add (&im->files[im->n_files].text,
              "# Made from a nova.conf by `virtloom config import-nova`.\n");
  return &im->files[im->n_files++];
}

/* What of a line with TEXT would be read back as something else, or NULL. */
static const char *
unwritable (const char *text, size_t room)
{
  if (*text == ';' || strstr (text, " ;") || strstr (text, "\t;"))
    return "has ' ;', which begins a comment here";
  if (strchr (text, '\n'))
    return "goes on in an indented line; accepted: only lists do, each item in one line";
  return strlen (text) > room ? "is too long for a line here" : NULL;
}

/* Items of a list in one line, or in a line each where that would be too long.  What is
 * wrong, or NULL. */
static const char *
put_list (struct file *file, const char *key, const char *value)
{
  size_t room = LONGEST_LINE - strlen (key) - 4;
  char *copy = vl_xstrdup (value), *rest = copy, *item;
  const char *problem = NULL, *wrong, *between = " ";

  vl_str_printf (&file->text, "%s =", key);
  while ((item = strsep (&rest, ","))) {
    item += strspn (item, " \t\n");
    for (size_t n = strlen (item); n && strchr (" \t\n", item[n - 1]);)
      item[--n] = '\0';
    wrong = unwritable (item, room);
    problem = problem ? problem : wrong;
    vl_str_printf (&file->text, "%s%s%s", between, item, rest ? "," : "");
    file->lines += *between == '\n';
    between = strlen (value) > room ? "\n  " : " ";
  }
  vl_str_add (&file->text, "\n");
  free (copy);
  return problem;
}

/* KEY = VALUE, for OPTION.  ROW says what it is, NULL: a text. */
static void
put (struct import *im, const char *path, const char *section, const char *key,
     const struct vl_prop *row, struct nova_option *option, const char *value)
{
  struct file *file = file_at (im, path);
  int secret = row && row->flags & VL_SECRET;
  struct written written = { option, path, section, key, secret ? "***" : value, 0, 0 };
  const char *problem;

  if (file->section == NULL || ! VL_STREQ (file->section, section)) {
    vl_str_printf (&file->text, "[%s]\n", section);
    file->section = section;
    file->lines++;
  }
  written.first = ++file->lines;
  if (row && row->type == VL_LIST)
    problem = put_list (file, key, value);
  else {
    problem = unwritable (value, LONGEST_LINE - strlen (key) - 3);
    vl_str_printf (&file->text, "%s = %s\n", key, value);
  }
  written.last = file->lines;
  if (problem)
    import_tell (im, VL_SEV_ERROR, NULL, option, "%s %s", option->name, problem);
  if (secret)
    file->mode = 0600;
  file->n_settings++;
  option->taken = 1;
  VL_GROW (im->written, im->n_written, im->written_size);
  im->written[im->n_written++] = written;
}

/* Is VALUE of OPTION, which ROW stands for, one that nobody here answers for? */
static int
is_unsupported (struct import *im, const struct vl_prop *row, const struct nova_option *option,
                const char *value)
{
  struct vl_call *call = im->tool->call;
  const char *why = import_known (im, "values", vl_printf (call, "%s.%s", option->name, value));
  struct vl_finding finding = { .severity = VL_SEV_ERROR,
                                .err = VL_ERR_UNSUPPORTED,
                                .code = "NotSupported",
                                .origin = option->origin };

  if (*why == '\0')
    return 0;
  finding.message = vl_printf (call, "%s = '%s': %s", option->name, value, why);
  finding.hint = vl_printf (call,
                            "set %s = %s in a second file, and name that after this one: virtloom "
                            "config import-nova nova.conf second.conf --out DIR",
                            option->name, row->deflt);
  (void)vl_findings_add (call, &finding);
  im->bad = 1;
  return 1;
}

/* What the options say of ROW, which is KEY in [SECTION] of the file PATH. */
static void
put_row (struct import *im, const char *path, const char *section, const char *key,
         const struct vl_prop *row)
{
  struct nova_option *option = row->nova ? nova_find (&im->conf, row->nova) : NULL;
  const char *value;

  if (option == NULL || VL_STREQ (row->nova, "libvirt.virt_type"))
    return;
  value = nova_value (&im->conf, option);
  im->bad |= value == NULL;
  /* oslo.config's way to say "unset" where unset is what the row begins with. */
  if (value && ! is_unsupported (im, row, option, value)
      && (*value || row->deflt || row->flags & VL_EMPTY_OK))
    put (im, path, section, key, row, option, value);
  option->taken = 1;
}

/* ---- which driver ---- */

/* Names the driver that compute_driver and virt_type choose. */
static void
choose_driver (struct import *im)
{
  struct nova_option *driver = nova_find (&im->conf, "DEFAULT.compute_driver");
  struct nova_option *type = nova_find (&im->conf, "libvirt.virt_type");
  const char *name = driver ? nova_value (&im->conf, driver) : NULL;
  const char *virt = type ? nova_value (&im->conf, type) : "kvm", *chosen;

  im->bad |= (driver && name == NULL) || virt == NULL;
  if (im->bad || (driver == NULL && type == NULL))
    return;
  /* What is told as an error need not be told as left out as well. */
  if (driver)
    driver->taken = 1;
  if (type)
    type->taken = 1;
  if (name && ! import_among (import_known (im, "drivers", "compute_driver"), name)) {
    import_tell (
        im, VL_SEV_ERROR, "NotSupported", driver,
        "compute_driver = '%s': there is no such driver here; accepted: libvirt.LibvirtDriver",
        name);
    return;
  }
  chosen = VL_STREQ (virt, "compute_driver") ? "" : import_known (im, "drivers", virt);
  if (*chosen == '\0') {
    import_tell (im, VL_SEV_ERROR, "NotSupported", type,
                 "virt_type = '%s': no driver here makes such guests; accepted: kvm qemu", virt);
    return;
  }
  im->driver = chosen;
  put (im, "virtloom.conf", "virtloom", "driver", NULL, type ? type : driver, chosen);
}

/* Are settings of driver INFO to be written: of the chosen one, else of all that `auto`
 * may choose? */
static int
may_act (const struct import *im, const struct vl_plugin_info *info)
{
  return im->driver ? VL_STREQ (info->name, im->driver) : info->auto_rank > 0;
}

/* Rows of virtloom.conf are grouped by section, as the table is. */
static void
put_all (struct import *im)
{
  struct vl_app *app = im->tool->app;
  struct vl_call *call = im->tool->call;
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);

  choose_driver (im);
  for (size_t i = 0; i < n; i++) {
    const char *dot = strchr (rows[i].setting, '.');
    const char *section =
        dot ? vl_printf (call, "%.*s", (int)(dot - rows[i].setting), rows[i].setting) : "virtloom";

    put_row (im, "virtloom.conf", section, dot ? dot + 1 : rows[i].setting, &rows[i]);
  }
  for (size_t i = 0; i < vl_plugins_count (app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (app, i);

    if (info->kind == VL_KIND_DRIVER && ! may_act (im, info))
      continue;
    if (info->state == VL_PLUGIN_UNUSED)
      (void)vl_plugins_load (app, info->name);
    info = vl_plugins_get (app, i);
    for (size_t p = 0; p < info->n_props; p++)
      if (info->props[p].setting)
        put_row (im, vl_printf (call, "plugins.d/%s.conf", info->name), "settings",
                 info->props[p].setting, &info->props[p]);
  }
}

/* ---- judging what was written ---- */

/* The setting that ORIGIN, which may end in "WORK/FILE:LINE", is about; NULL: none of ours. */
static const struct written *
written_at (const struct import *im, const char *origin)
{
  const char *path = origin ? strstr (origin, im->work) : NULL, *colon;

  if (path == NULL)
    return NULL;
  path += strlen (im->work) + 1;
  colon = strrchr (path, ':');
  for (size_t i = 0; colon && i < im->n_written; i++) {
    const struct written *w = &im->written[i];
    int line = atoi (colon + 1);

    if (line >= w->first && line <= w->last && (size_t)(colon - path) == strlen (w->path)
        && VL_STARTS (path, w->path))
      return w;
  }
  return NULL;
}

/* TEXT with the folder called by the name that it is to have. */
static const char *
by_name (const struct import *im, const char *text)
{
  const char *found = text ? strstr (text, im->work) : NULL;

  return found ? vl_printf (im->tool->call, "%.*s%s%s", (int)(found - text), text, im->out,
                            by_name (im, found + strlen (im->work)))
               : text;
}

/* What is wrong with the new configuration, as a fault of what Nova's says; and that no server
 * can be made with it here. */
static void
judge (struct import *im)
{
  struct tool *tool = im->tool;
  struct vl_app_options options = tool->options;
  struct vl_app *app;

  options.config_dir = im->work;
  options.driver = options.driver ? options.driver : im->driver;
  options.strict = 1;
  app = vl_app_new (&options);
  if (vl_app_read (app) == 0)
    (void)vl_app_load (app);
  config_judge (app, &options, options.driver != NULL);
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    struct vl_finding finding = *vl_findings_get (app, i);
    const struct written *w = written_at (im, finding.origin);

    if (finding.severity != VL_SEV_ERROR && ! VL_STREQ (finding.code, "DriverUnavailable"))
      continue;
    finding.message = by_name (im, finding.message);
    finding.origin = by_name (im, finding.origin);
    if (w) {
      finding.origin = w->option->origin;
      finding.message = vl_printf (tool->call, "%s: %s", w->option->name, finding.message);
      if (finding.err == VL_ERR_REFUSED) {
        finding.err = VL_ERR_REQUEST;
        finding.code = NULL;
      }
    }
    im->bad |= finding.severity == VL_SEV_ERROR;
    (void)vl_findings_add (tool->call, &finding);
  }
  vl_app_free (app);
}

/* ---- the folder ---- */

static int
is_empty (const char *path)
{
  DIR *dir = opendir (path);
  const struct dirent *entry;
  int n = 0;

  while (dir && (entry = readdir (dir)))
    n += ! VL_STREQ (entry->d_name, ".") && ! VL_STREQ (entry->d_name, "..");
  if (dir)
    closedir (dir);
  return dir && n == 0;
}

static int
cannot (struct import *im, const char *path)
{
  return vl_refuse (im->tool->call,
                    errno == EACCES || errno == EPERM || errno == EROFS ? VL_ERR_NOT_PERMITTED
                                                                        : VL_ERR_FAILED,
                    NULL, NULL, "'%s' cannot be written: %s", path, strerror (errno));
}

/* The folder's files go into one beside it, which takes its name once all is well. */
static int
begin_folder (struct import *im, const char *out)
{
  struct vl_call *call = im->tool->call;
  size_t length = strlen (out);
  char *work;
  struct stat st;

  while (length > 1 && out[length - 1] == '/')
    length--;
  im->out = vl_printf (call, "%.*s", (int)length, out);
  if (lstat (im->out, &st) == 0 && ! (S_ISDIR (st.st_mode) && is_empty (im->out)))
    return vl_refuse (call, VL_ERR_CONFLICT, NULL, "name another, or move it away",
                      "'%s' has something in it; accepted: a folder that is empty or not there yet",
                      im->out);
  work = vl_xasprintf ("%s.XXXXXX", im->out);
  if (strrchr (im->out, '/') && strrchr (im->out, '/') != im->out
      && vl_file_mkdirs (vl_printf (call, "%.*s", (int)(strrchr (im->out, '/') - im->out), im->out),
                         0755)
             < 0) {
    free (work);
    return cannot (im, im->out);
  }
  if (mkdtemp (work) && chmod (work, 0755) == 0)
    im->work = vl_printf (call, "%s", work);
  free (work);
  return im->work ? 0 : cannot (im, im->out);
}

static int
write_files (struct import *im)
{
  struct vl_call *call = im->tool->call;

  if (mkdir (vl_printf (call, "%s/plugins.d", im->work), 0755) < 0)
    return cannot (im, im->out);
  for (size_t i = 0; i < im->n_files; i++) {
    const struct file *file = &im->files[i];
    const char *path = vl_printf (call, "%s/%s", im->work, file->path);

    if (vl_file_write (path, file->text.text, file->text.length, file->mode) < 0)
      return cannot (im, path);
  }
  return 0;
}

static int
keep_folder (struct import *im)
{
  if (rename (im->work, im->out) < 0 || vl_file_sync_folder (im->out) < 0)
    return cannot (im, im->out);
  im->work = NULL;
  return 0;
}

/* ---- the call ---- */

static int
import (struct import *im, const char *out)
{
  if (read_all (im) < 0)
    return -1;
  put_all (im);
  if (im->bad)
    import_told_left (im);
  if (im->bad || begin_folder (im, out) < 0 || write_files (im) < 0)
    return -1;
  judge (im);
  if (im->bad || keep_folder (im) < 0)
    return -1;
  import_told (im);
  return 0;
}

int
config_import_nova (struct tool *tool)
{
  const char *out = args_value (tool->args, "out");
  struct import im = { .tool = tool,
                       .conf = { .call = tool->call },
                       .names = { .call = tool->call } };
  int result;

  if (out == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'config import-nova' needs --out DIR");
  result = import (&im, out);
  if (im.work)
    (void)vl_file_remove_tree (im.work);
  for (size_t i = 0; i < im.n_files; i++)
    vl_str_free (&im.files[i].text);
  free (im.files);
  free (im.written);
  nova_free (&im.conf);
  nova_free (&im.names);
  return result;
}
