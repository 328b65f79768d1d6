/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The three layers of configuration folders.  What each file may say is checked
 * where it is read, so that every complaint has the file and line at fault;
 * then values are merged by key. */

#include <config.h>

#include "plugin/conf.h"

#include "lib/file.h"
#include "lib/trust.h"
#include "plugin/ini.h"
#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>

#define MAIN_FILE "virtloom.conf"
#define KNOWN_FILE "nova-names.conf"

struct vl_config *
vl_config_new (void)
{
  struct vl_config *config = VL_NEW (struct vl_config);

  config->arena = vl_arena_new ();
  return config;
}

void
vl_config_free (struct vl_config *config)
{
  if (config == NULL)
    return;
  free (config->entries);
  free (config->files);
  free (config->public_values);
  vl_arena_free (config->arena);
  free (config);
}

/* ---- what a file may say ---- */

static const char *const plugin_keys[] = { "auto", "critical", "enabled", "keys",
                                           "kind", "module",   "traits",  NULL };
static const char *const plugin_sections[] = { "plugin", "settings", NULL };
static const char *const main_sections[] = { "virtloom", "storage", NULL };

/* SETTING of virtloom.conf's table as a key of SECTION, or NULL. */
static const char *
key_in (const char *section, const char *setting)
{
  const char *dot = strchr (setting, '.');
  size_t n = dot ? (size_t)(dot - setting) : 0;

  if (dot == NULL)
    return VL_STREQ (section, "virtloom") ? setting : NULL;
  return strncmp (section, setting, n) == 0 && section[n] == '\0' ? dot + 1 : NULL;
}

/* Refuses KEY of SECTION (NULL: the section itself) where a file of PLUGIN (NULL:
 * virtloom.conf) may not have it.  Keys of [settings] are the module's to judge, and
 * those of an unknown section went with the section. */
static int
check_name (struct vl_call *call, const char *plugin, const char *path, int line,
            const char *section, const char *key)
{
  const char *const *names = key == NULL ? plugin ? plugin_sections : main_sections
                             : plugin && VL_STREQ (section, "plugin") ? plugin_keys
                                                                      : NULL;
  const char *name = key ? key : section;
  struct vl_spell spell = { .wanted = name };
  VL_AUTOSTRV struct vl_strv accepted = { 0 };
  VL_AUTOFREE char *all = NULL;
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);

  for (; names && *names; names++)
    vl_strv_add (&accepted, *names);
  for (size_t i = 0; plugin == NULL && key && i < n; i++)
    if (key_in (section, rows[i].setting))
      vl_strv_add (&accepted, key_in (section, rows[i].setting));
  if (accepted.n == 0 || vl_strv_has (&accepted, name))
    return 0;
  for (size_t i = 0; i < accepted.n; i++)
    vl_spell_offer (&spell, accepted.items[i]);
  all = vl_strv_join (&accepted, " ");
  return vl_ini_error (call, plugin, path, line, vl_did_you_mean (call, '\'', spell.best, NULL),
                       "unknown %s; accepted: %s",
                       key ? vl_printf (call, "key '%s' in [%s]", key, section)
                           : vl_printf (call, "section [%s]", section),
                       all);
}

/* Of an entry in [plugin]: -1 after a finding. */
static int
check_plugin_value (struct vl_call *call, const char *plugin, const char *path,
                    const struct vl_ini_entry *entry)
{
  static const char *const kinds[] = { "feature", "driver", NULL };
  static const char *const nevers[] = { "never", NULL };
  struct vl_prop spec = { .type = VL_BOOL };
  struct vl_value value;
  const char *why;

  if (VL_STREQ (entry->key, "keys") || VL_STREQ (entry->key, "traits"))
    return 0;
  if (entry->added)
    return vl_ini_error (call, plugin, path, entry->added, NULL,
                         "'+=' after '%s'; accepted: only after a list", entry->key);
  if (entry->continued)
    return vl_ini_error (call, plugin, path, entry->continued, NULL,
                         "an indented line after '%s'; accepted: only after a list", entry->key);
  if (VL_STREQ (entry->key, "module")) {
    size_t n = strlen (entry->value);
    const char *problem = NULL;

    if (strchr (entry->value, '/'))
      problem = "has a slash; accepted: a file in the modules' folder,";
    else if (n > 3 && VL_STREQ (entry->value + n - 3, ".la"))
      problem = "is a libtool archive, which only points at a module; accepted:";
    else if (! VL_STREQ (entry->value, vl_printf (call, "%s.so", plugin)))
      problem = "is not named as its plugin; accepted:";
    return problem ? vl_ini_error (call, plugin, path, entry->line, NULL, "module '%s' %s '%s.so'",
                                   entry->value, problem, plugin)
                   : 0;
  }
  if (VL_STREQ (entry->key, "kind"))
    spec = (struct vl_prop) { .type = VL_CHOICE, .choices = kinds };
  if (VL_STREQ (entry->key, "auto"))
    spec = VL_STREQ (entry->value, "never")
               ? (struct vl_prop) { .type = VL_CHOICE, .choices = nevers }
               : (struct vl_prop) { .type = VL_INT, .min = 1, .max = 1000 };
  if (vl_value_parse (call->arena, &spec, entry->value, &value, &why) < 0)
    return vl_ini_error (
        call, plugin, path, entry->line,
        spec.choices == kinds ? "a plugin that reaches disks or networks is a feature, too" : NULL,
        "%s = '%s' %s%s", entry->key, entry->value, why, spec.type == VL_INT ? ", or never" : "");
  return 0;
}

static int
check_file (struct vl_call *call, const char *plugin, const char *path, const struct vl_ini *ini)
{
  int bad = 0;

  for (size_t i = 0; i < ini->n_sections; i++)
    bad |= check_name (call, plugin, path, ini->sections[i].line, ini->sections[i].name, NULL);
  for (size_t i = 0; i < ini->n; i++) {
    const struct vl_ini_entry *entry = &ini->entries[i];

    if (check_name (call, plugin, path, entry->line, entry->section, entry->key) < 0
        || (plugin && VL_STREQ (entry->section, "plugin")
            && check_plugin_value (call, plugin, path, entry) < 0))
      bad = -1;
  }
  return bad;
}

/* ---- merging ---- */

static struct vl_conf_file *
file_record (struct vl_config *config, const char *plugin, const char *path)
{
  VL_AUTOFREE char *name =
      plugin ? vl_xasprintf ("plugins.d/%s.conf", plugin) : vl_xstrdup (MAIN_FILE);
  struct vl_conf_file *file;

  for (size_t i = 0; i < config->n_files; i++)
    if (VL_STREQ (config->files[i].file, name))
      return &config->files[i];
  VL_GROW (config->files, config->n_files, config->files_size);
  file = &config->files[config->n_files++];
  *file = (struct vl_conf_file) {
    .file = vl_arena_strdup (config->arena, name),
    .plugin = vl_arena_strdup (config->arena, plugin),
    .path = vl_arena_strdup (config->arena, path),
  };
  return file;
}

static struct vl_conf_entry *
entry_record (struct vl_config *config, const char *file, const char *section, const char *key)
{
  struct vl_conf_entry *entry;

  for (size_t i = 0; i < config->n; i++) {
    entry = &config->entries[i];
    if (entry->file == file && VL_STREQ (entry->section, section) && VL_STREQ (entry->key, key))
      return entry;
  }
  VL_GROW (config->entries, config->n, config->size);
  entry = &config->entries[config->n++];
  *entry = (struct vl_conf_entry) { .file = file, .section = section, .key = key };
  return entry;
}

static void
merge (struct vl_config *config, const struct vl_conf_file *file, const char *path,
       const struct vl_ini *ini)
{
  for (size_t i = 0; i < ini->n; i++) {
    const struct vl_ini_entry *from = &ini->entries[i];
    struct vl_conf_entry *to = entry_record (config, file->file, from->section, from->key);

    to->onto = from->added ? to->value == NULL || to->onto : 0;
    to->continued = from->continued;
    if (from->added && to->value && to->continued == 0)
      to->continued = from->line;
    to->value = from->added && to->value
                    ? vl_arena_printf (config->arena, "%s\n%s", to->value, from->value)
                    : from->value;
    to->path = path;
    to->line = from->line;
    to->added = from->added;
    to->layer = config->layer;
    if (config->layer == 0) {
      to->packaged = vl_conf_entry_text (config->arena, to);
      to->packaged_origin = vl_arena_printf (config->arena, "%s:%d", path, to->line);
    }
  }
}

/* PATH is a link to /dev/null: FILE's plugin is off.  Its keys stay claimed. */
static int
mask (struct vl_config *config, const struct vl_conf_file *file, const char *path)
{
  static const struct vl_ini_entry off = {
    .section = "plugin", .key = "enabled", .value = "no", .line = 0
  };

  merge (config, file, path, &(struct vl_ini) { .entries = (struct vl_ini_entry *)&off, .n = 1 });
  return 0;
}

/* One file of one layer.  0, or -1 after findings, the first of which is then
 * the reason in the file's record. */
static int
read_file (struct vl_call *call, struct vl_config *config, const char *plugin, const char *path)
{
  size_t before = call->findings.n;
  struct vl_conf_file *file;
  struct vl_ini ini;
  int bad, whole;

  path = vl_arena_strdup (config->arena, path);
  bad = vl_ini_read (call, config->arena, plugin, path, &ini);
  if (bad == 1 || (bad == 2 && plugin == NULL))
    return 0;
  if (bad == 2)
    return mask (config, file_record (config, plugin, path), path);
  file = file_record (config, plugin, path);
  whole = bad == 0;
  if (whole)
    bad = check_file (call, plugin, path, &ini);
  if (bad && file->why == NULL) {
    const struct vl_finding *first =
        before < call->findings.n ? &call->findings.items[before] : NULL;

    file->why = first ? vl_arena_printf (config->arena, "%s: %s", first->origin, first->message)
                      : vl_arena_printf (config->arena, "%s cannot be read", path);
  }
  /* Of virtloom.conf the values beside a wrong key are judged in the same run. */
  if (bad == 0 || (whole && plugin == NULL))
    merge (config, file, path, &ini);
  return bad;
}

const char *
vl_plugin_of_file (struct vl_arena *arena, const char *file, const char *suffix)
{
  size_t n = strlen (file), end = strlen (suffix);
  const char *name =
      n > end && VL_STREQ (file + n - end, suffix) ? vl_arena_strndup (arena, file, n - end) : "";

  return vl_plugin_name_ok (name) ? name : NULL;
}

static void
not_read (struct vl_call *call, const char *path, const char *name, const char *accepted)
{
  vl_report (call,
             &(struct vl_report) { .severity = VL_SEV_WARNING, .plugin = "core", .origin = path },
             "'%s' is not read; accepted: %s", name, accepted);
}

/* The drop-ins of one layer: what FOLDER, "NAME.conf.d", has stands above NAME.conf, in the order of
 * the files' names.  PLUGIN is NULL for virtloom.conf.  0, or -1 after findings. */
static int
read_dropins (struct vl_call *call, struct vl_config *config, const char *plugin,
              const char *folder)
{
  VL_AUTOSTRV struct vl_strv names = { 0 };
  const char *why;
  int got = vl_ini_folder (call, config->arena, folder, &names, &why), bad = got < 0 ? -1 : 0;

  if (got < 0 && plugin)
    file_record (config, plugin, folder)->why =
        vl_arena_printf (config->arena, "%s cannot be trusted: %s", folder, why);
  for (size_t i = 0; got == 0 && i < names.n; i++) {
    const char *path = vl_arena_printf (config->arena, "%s/%s", folder, names.items[i]);
    size_t n = strlen (names.items[i]);

    if (names.items[i][0] == '.')
      continue;
    if (n > 5 && VL_STREQ (names.items[i] + n - 5, ".conf"))
      bad |= read_file (call, config, plugin, path);
    else
      not_read (call, path, names.items[i], "files named *.conf");
  }
  return bad;
}

/* Reads the plugins.d of one layer; one that is not there is empty.  TREE: it is a
 * build's own, with makefiles in it. */
static void
read_folder (struct vl_call *call, struct vl_config *config, const char *folder, int tree)
{
  VL_AUTOSTRV struct vl_strv names = { 0 };
  const char *why;
  int got = vl_ini_folder (call, config->arena, folder, &names, &why);

  for (size_t i = 0; i < names.n; i++) {
    const char *path = vl_arena_printf (config->arena, "%s/%s", folder, names.items[i]);
    const char *name = vl_plugin_of_file (config->arena, names.items[i], ".conf");
    const char *dropins = vl_plugin_of_file (config->arena, names.items[i], ".conf.d");

    if (name && got < 0)
      file_record (config, name, path)->why =
          vl_arena_printf (config->arena, "%s cannot be trusted: %s", path, why);
    else if (name)
      read_file (call, config, name, path);
    else if (dropins && got == 0)
      read_dropins (call, config, dropins, path);
    else if (! tree || strstr (names.items[i], ".conf"))
      not_read (call, path, names.items[i],
                "files named [a-z][a-z0-9-]*.conf, at most 31 characters before the dot");
  }
}

/* NAME.conf beside MODULE, which is not installed. */
static void
read_beside (struct vl_call *call, struct vl_config *config, const char *module)
{
  const char *base = strrchr (module, '/') + 1;
  const char *name = vl_plugin_of_file (config->arena, base, ".so");

  if (name)
    (void)read_file (
        call, config, name,
        vl_arena_printf (config->arena, "%.*s%s.conf", (int)(base - module), module, name));
}

static int
compare_entries (const void *a, const void *b)
{
  const struct vl_conf_entry *x = a, *y = b;
  int order = strcmp (x->file, y->file);

  order = order ? order : strcmp (x->section, y->section);
  return order ? order : strcmp (x->key, y->key);
}

static int
compare_files (const void *a, const void *b)
{
  return strcmp (((const struct vl_conf_file *)a)->file, ((const struct vl_conf_file *)b)->file);
}

/* ---- virtloom.conf, typed ---- */

const char *
vl_conf_entry_text (struct vl_arena *arena, const struct vl_conf_entry *entry)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  if (entry->continued == 0)
    return entry->value;
  for (const char *p = entry->value; *p; p++)
    if (*p != '\n')
      vl_str_add_n (&text, p, 1);
    else if (text.length && text.text[text.length - 1] != ',')
      vl_str_add (&text, ",");
  return vl_arena_strdup (arena, text.text ? text.text : "");
}

/* TEXT as a layer of ROW; NULL with *WHY. */
static const struct vl_raw *
read_raw (struct vl_arena *arena, const struct vl_prop *row, const char *key, const char *text,
          const char *origin, const char **why)
{
  struct vl_raw *raw = vl_arena_alloc (arena, sizeof *raw);

  if (vl_value_parse (arena, row, text, &raw->value, why) < 0)
    return NULL;
  raw->key = key;
  raw->text = row->flags & VL_SECRET ? VL_HIDDEN : raw->value.text;
  raw->origin = origin;
  return raw;
}

int
vl_base_read (struct vl_arena *arena, const struct vl_prop *row, const struct vl_conf_entry *entry,
              struct vl_base *base, const char **text, const char **why)
{
  const char *origin = entry ? vl_arena_printf (arena, "%s:%d", entry->path, entry->line) : NULL;

  *text = row->deflt;
  if (row->deflt && (base->deflt = read_raw (arena, row, NULL, *text, NULL, why)) == NULL)
    return -1;
  if (entry == NULL)
    return 0;
  *text = vl_arena_strndup (arena, entry->value, strcspn (entry->value, "\n"));
  if (entry->added && row->type != VL_LIST) {
    *why = "is added with '+='; accepted: that only of a list";
    return -1;
  }
  if (entry->continued && row->type != VL_LIST) {
    *why = vl_arena_printf (arena, "goes on in the indented line %d; accepted: that only of a list",
                            entry->continued);
    return -1;
  }
  *text = vl_conf_entry_text (arena, entry);
  if (entry->onto && row->deflt && *row->deflt)
    *text = vl_arena_printf (arena, "%s,%s", row->deflt, *text);
  base->setting = read_raw (arena, row, row->setting, *text, origin, why);
  if (row->flags & VL_SECRET)
    *text = VL_HIDDEN;
  return base->setting ? 0 : -1;
}

static int
type_main (struct vl_call *call, struct vl_config *config)
{
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);
  int bad = 0;

  config->base = vl_arena_alloc (config->arena, n * sizeof *config->base);
  for (size_t i = 0; i < n; i++) {
    const char *const *section = main_sections, *text, *why;
    const struct vl_conf_entry *entry;

    while (key_in (*section, rows[i].setting) == NULL)
      section++;
    entry = vl_config_find (config, MAIN_FILE, *section, key_in (*section, rows[i].setting));
    if (vl_base_read (config->arena, &rows[i], entry, &config->base[i], &text, &why) < 0)
      bad = vl_ini_error (call, NULL, entry ? entry->path : MAIN_FILE, entry ? entry->line : 0,
                          NULL, "%s = '%s' %s", rows[i].setting, text, why);
  }
  return bad;
}

/* What types do not say: the items of `traits` are names, with a '-' in front or not; a server
 * without disks is none. */
static int
check_values (struct vl_call *call, const struct vl_config *config)
{
  const struct vl_conf_entry *entry = vl_config_find (config, MAIN_FILE, "virtloom", "traits");
  const char *const *traits;
  size_t n;
  int bad = 0;

  for (traits = vl_config_items (config, "traits", &n); *traits; traits++)
    if (! vl_trait_name_ok (*traits + (**traits == '-')))
      bad = vl_ini_error (call, NULL, entry->path, entry->line, NULL,
                          "traits: '%s'; accepted: capital letters, digits and '_', with a '-' in "
                          "front where the host has it not",
                          *traits);
  entry = vl_config_find (config, MAIN_FILE, "storage", "max_disk_devices_to_attach");
  if (entry && vl_config_int (config, "storage.max_disk_devices_to_attach") == 0)
    bad = vl_ini_error (call, NULL, entry->path, entry->line, NULL,
                        "max_disk_devices_to_attach = 0; accepted: 1 to 1024, or -1 for no limit");
  return bad;
}

/* The files of one layer: its virtloom.conf in MAIN, its plugins.d in PLUGINS. */
static int
read_layer (struct vl_call *call, struct vl_config *config, const char *main, const char *plugins,
            int tree)
{
  const char *file = vl_arena_printf (config->arena, "%s/" MAIN_FILE, main);
  int bad = read_file (call, config, NULL, file);

  bad |= read_dropins (call, config, NULL, vl_arena_printf (config->arena, "%s.d", file));
  read_folder (call, config, vl_arena_printf (config->arena, "%s/plugins.d", plugins), tree);
  config->layer++;
  return bad;
}

/* The folder of --config, which has to be there. */
static int
check_folder (struct vl_call *call, struct vl_arena *arena, const char *folder)
{
  struct vl_trust trust;
  VL_AUTOCLOSE int fd = vl_trust_open (arena, folder, O_RDONLY | O_DIRECTORY, &trust);

  if (fd >= 0)
    return 0;
  return vl_report (call,
                    &(struct vl_report) { .severity = VL_SEV_ERROR,
                                          .err = trust.error ? VL_ERR_USAGE : VL_ERR_REFUSED,
                                          .plugin = "core",
                                          .hint = trust.hint },
                    "configuration folder %s%s",
                    trust.error ? "" : "cannot be trusted: ", trust.why);
}

int
vl_config_read (struct vl_call *call, struct vl_config *config, const struct vl_places *places)
{
  struct vl_arena *arena = config->arena;
  const char *packaging =
      places->tree ? vl_arena_printf (arena, "%s/packaging", places->tree) : VL_DATADIR;
  int bad = vl_known_read (call, config, vl_arena_printf (arena, "%s/" KNOWN_FILE, packaging));

  if (places->config_dir && check_folder (call, arena, places->config_dir) < 0)
    return -1;
  bad |= read_layer (call, config, packaging, places->tree ? places->tree : VL_DATADIR,
                     places->tree != NULL);
  if (places->tree == NULL)
    bad |= read_layer (call, config, VL_SYSCONFDIR, VL_SYSCONFDIR, 0);
  if (places->tree == NULL)
    vl_ini_tell_misspelt (call, VL_SYSCONFDIR);
  if (places->config_dir) {
    bad |= read_layer (call, config, places->config_dir, places->config_dir, 0);
    vl_ini_tell_misspelt (call, places->config_dir);
  }
  for (size_t i = 0; places->modules && places->modules[i]; i++)
    read_beside (call, config, places->modules[i]);
  if (config->n > 1)
    qsort (config->entries, config->n, sizeof *config->entries, compare_entries);
  if (config->n_files > 1)
    qsort (config->files, config->n_files, sizeof *config->files, compare_files);
  return type_main (call, config) | check_values (call, config) | bad ? -1 : 0;
}

const struct vl_conf_entry *
vl_config_find (const struct vl_config *config, const char *file, const char *section,
                const char *key)
{
  struct vl_conf_entry wanted = { .file = file, .section = section, .key = key };

  return config->n ? bsearch (&wanted, config->entries, config->n, sizeof wanted, compare_entries)
                   : NULL;
}

/* A key that the table has not is a fault of the caller, here as in a
 * configuration that was never read: both read as unset. */
static const struct vl_value *
find_value (const struct vl_config *config, const char *key)
{
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);

  for (size_t i = 0; i < n && config && config->base; i++)
    if (*rows[i].setting == *key && VL_STREQ (rows[i].setting, key)) {
      const struct vl_raw *raw =
          config->base[i].setting ? config->base[i].setting : config->base[i].deflt;

      return raw && raw->value.set ? &raw->value : NULL;
    }
  return NULL;
}

const char *
vl_config_str (const struct vl_config *config, const char *key)
{
  const struct vl_value *value = find_value (config, key);

  return value ? value->text : NULL;
}

int64_t
vl_config_int (const struct vl_config *config, const char *key)
{
  const struct vl_value *value = find_value (config, key);

  return value ? value->number : 0;
}

int
vl_config_bool (const struct vl_config *config, const char *key)
{
  return vl_config_int (config, key) != 0;
}

const char *const *
vl_config_items (const struct vl_config *config, const char *key, size_t *n)
{
  static const char *const none[] = { NULL };
  const struct vl_value *value = find_value (config, key);

  *n = value ? value->n_items : 0;
  return value && value->items ? (const char *const *)value->items : none;
}
