/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What loads a module when the machine starts: the kernel itself, the lists of
 * modules-load.d(5) and /etc/modules, or udev by the CPU's alias; and modprobe.d(5), which
 * may forbid it and sets parameters. */

#include <config.h>

#include "look.h"

static const char *const load_folders[] = {
  "/etc/modules-load.d",
  "/run/modules-load.d",
  "/usr/local/lib/modules-load.d",
  "/usr/lib/modules-load.d",
};

static const char *const modprobe_folders[] = {
  "/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
  "/usr/lib/modprobe.d", "/lib/modprobe.d",
};

/* Is the next word of *TEXT the module's name, in which "-" and "_" are the same? */
static int
is_module (const char *text, size_t length, const char *module)
{
  if (length != strlen (module))
    return 0;
  for (size_t i = 0; i < length; i++)
    if ((text[i] == '-' ? '_' : text[i]) != module[i])
      return 0;
  return 1;
}

/* The next word of a line, NULL at its end. */
static const char *
next_word (const char **text, size_t *length)
{
  const char *word = *text + strspn (*text, " \t");

  *length = strcspn (word, " \t\n");
  *text = word + *length;
  return *length && *word != '#' ? word : NULL;
}

static const char *
next_line (const char *line)
{
  line += strcspn (line, "\n");
  return *line ? line + 1 : line;
}

static size_t
lists (const char *text, const char *module, const char *more)
{
  (void)more;
  for (const char *line = text; line && *line; line = next_line (line)) {
    const char *rest = line;
    size_t length;
    const char *word = next_word (&rest, &length);

    if (word && is_module (word, length, module))
      return 1;
  }
  return 0;
}

/* Is the command of "install MODULE COMMAND" one that loads nothing? */
static int
is_nothing (const char *word, size_t length)
{
  static const char *const nothing[] = { "/bin/false",    "/bin/true", "/usr/bin/false",
                                         "/usr/bin/true", "false",     "true" };

  for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
    if (strlen (nothing[i]) == length && strncmp (word, nothing[i], length) == 0)
      return 1;
  return 0;
}

/* "blacklist kvm_intel", and "install kvm_intel /bin/false": the line's number, or 0. */
static size_t
forbidding_line (const char *text, const char *module, const char *more)
{
  size_t number = 1;

  (void)more;
  for (const char *line = text; line && *line; line = next_line (line), number++) {
    const char *rest = line, *name, *command;
    size_t n, m, k;
    const char *verb = next_word (&rest, &n);

    if (verb == NULL || (name = next_word (&rest, &m)) == NULL || ! is_module (name, m, module))
      continue;
    if (n == 9 && VL_STARTS (verb, "blacklist"))
      return number;
    command = next_word (&rest, &k);
    if (n == 7 && VL_STARTS (verb, "install") && command && is_nothing (command, k))
      return number;
  }
  return 0;
}

static const char *
line_of (struct vl_call *call, const char *text, size_t number)
{
  while (--number)
    text = next_line (text);
  text += strspn (text, " \t");
  return vl_printf (call, "%.*s", (int)strcspn (text, "\n"), text);
}

static size_t
asks_for (const char *text, const char *module, const char *parameter)
{
  size_t length = strlen (parameter);

  for (const char *line = text; line && *line; line = next_line (line)) {
    const char *rest = line;
    size_t n, m;
    const char *verb = next_word (&rest, &n), *name = verb ? next_word (&rest, &m) : NULL, *word;

    if (name == NULL || n != 7 || ! VL_STARTS (verb, "options") || ! is_module (name, m, module))
      continue;
    while ((word = next_word (&rest, &n)))
      if (n == length + 2 && VL_STARTS (word, parameter) && word[length] == '='
          && strchr ("1Yy", word[length + 1]))
        return 1;
  }
  return 0;
}

/* Calls LOOK for each *.conf of FOLDERS until it answers other than 0; *WHERE is the file. */
typedef size_t look_at (const char *text, const char *module, const char *more);

static size_t
look_into (struct machine *machine, const char *const *folders, size_t n, look_at *look,
           const char *module, const char *more, const char **where)
{
  for (size_t i = 0; i < n; i++) {
    VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };

    machine_list (machine, folders[i], ".conf", &names);
    for (size_t k = 0; k < names.n; k++) {
      const char *path = vl_printf (machine->call, "%s/%s", folders[i], names.items[k]);
      size_t found = look (machine_read (machine, path), module, more);

      if (found) {
        *where = path;
        return found;
      }
    }
  }
  return 0;
}

#define FOLDERS(list) (list), sizeof (list) / sizeof (list)[0]

/* A line of the kernel's own lists of modules that has the module's file or name at its end. */
static int
kernel_lists (struct machine *machine, const char *list, const char *begins, const char *module,
              const char **path)
{
  const char *release = machine_read (machine, "/proc/sys/kernel/osrelease"), *text;
  size_t length = strlen (module);

  if (release == NULL)
    return 0;
  *path = vl_printf (machine->call, "/lib/modules/%.*s/%s", (int)strcspn (release, "\n"), release,
                     list);
  text = machine_read (machine, *path);
  for (const char *line = text; line && *line; line = next_line (line)) {
    size_t n = strcspn (line, "\n");

    if (n > 3 && strncmp (line + n - 3, ".ko", 3) == 0)
      n -= 3;
    if (n > length && VL_STARTS (line, begins) && strchr ("/ ", line[n - length - 1])
        && is_module (line + n - length, length, module))
      return 1;
  }
  return 0;
}

int
machine_loads_at_boot (struct machine *machine, const char *module, const char **where,
                       const char **line, size_t *number)
{
  *number = look_into (machine, FOLDERS (modprobe_folders), forbidding_line, module, NULL, where);
  if (*number) {
    *line = line_of (machine->call, machine_read (machine, *where), *number);
    return -1;
  }
  if (kernel_lists (machine, "modules.builtin", "", module, where)
      || look_into (machine, FOLDERS (load_folders), lists, module, NULL, where)
      || kernel_lists (machine, "modules.alias", "alias cpu:", module, where))
    return 1;
  *where = "/etc/modules";
  return lists (machine_read (machine, *where), module, NULL) != 0;
}

int
machine_asks_for (struct machine *machine, const char *module, const char *parameter)
{
  const char *where;

  return look_into (machine, FOLDERS (modprobe_folders), asks_for, module, parameter, &where)
         || machine_line_has (machine_read (machine, "/proc/cmdline"), "",
                              vl_printf (machine->call, "%s.%s=1", module, parameter));
}
