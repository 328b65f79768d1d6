/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Users and groups: whom libvirt runs QEMU as, and what that user may open. */

#include <config.h>

#include "look.h"

#include <grp.h>
#include <pwd.h>

/* "NAME:x:NUMBER:..." of /etc/passwd or /etc/group: where NAME, or NUMBER where it is NULL,
 * is; the numbers of the line, and its text behind them. */
static int
find_entry (const char *text, const char *name, unsigned long number, unsigned long *id,
            const char **line, const char **rest)
{
  for (const char *p = text; p && *p; p += strcspn (p, "\n"), p += *p == '\n') {
    size_t length = strcspn (p, ":\n");
    const char *second = p + length + (p[length] == ':');
    const char *third = second + strcspn (second, ":\n");
    char *end;

    if (*third != ':')
      continue;
    *id = strtoul (third + 1, &end, 10);
    if (*end != ':'
        || (name ? strlen (name) != length || strncmp (p, name, length) : *id != number))
      continue;
    *line = p;
    *rest = end + 1;
    return 1;
  }
  return 0;
}

static struct machine_account
recorded_user (struct machine *machine, const char *name, unsigned long number)
{
  const char *text = machine_read (machine, "/etc/passwd"), *line, *rest;
  struct machine_account user = { .name = NULL };
  unsigned long id;

  if (find_entry (text, name, number, &id, &line, &rest)) {
    user.name = vl_printf (machine->call, "%.*s", (int)strcspn (line, ":"), line);
    user.uid = (uid_t)id;
    user.gid = (gid_t)strtoul (rest, NULL, 10);
  }
  return user;
}

static struct machine_account
live_user (struct machine *machine, const struct passwd *entry)
{
  struct machine_account user = { .name = NULL };

  if (entry) {
    user.name = vl_printf (machine->call, "%s", entry->pw_name);
    user.uid = entry->pw_uid;
    user.gid = entry->pw_gid;
  }
  return user;
}

/* As libvirt reads a user: a name, else a number, or with "+" a number alone. */
static struct machine_account
find_user (struct machine *machine, const char *text)
{
  const char *digits = text + (*text == '+');
  int is_number = *digits && digits[strspn (digits, "0123456789")] == '\0';
  unsigned long number = is_number ? strtoul (digits, NULL, 10) : 0;
  struct machine_account user = { .name = NULL };

  if (*text != '+')
    user = machine->root >= 0 ? recorded_user (machine, text, 0)
                              : live_user (machine, getpwnam (text));
  if (user.name == NULL && is_number)
    user = machine->root >= 0 ? recorded_user (machine, NULL, number)
                              : live_user (machine, getpwuid ((uid_t)number));
  return user;
}

int
machine_find_group (struct machine *machine, const char *name, gid_t *group)
{
  const char *line, *rest;
  unsigned long id;

  if (machine->root < 0) {
    const struct group *entry = getgrnam (name);

    *group = entry ? entry->gr_gid : 0;
    return entry ? 0 : -1;
  }
  if (! find_entry (machine_read (machine, "/etc/group"), name, 0, &id, &line, &rest))
    return -1;
  *group = (gid_t)id;
  return 0;
}

const char *
machine_user_name (struct machine *machine, uid_t uid)
{
  struct machine_account user =
      machine->root >= 0 ? recorded_user (machine, NULL, uid) : live_user (machine, getpwuid (uid));

  return user.name ? user.name : vl_printf (machine->call, "%u", (unsigned)uid);
}

const char *
machine_group_name (struct machine *machine, gid_t gid)
{
  const struct group *entry;
  const char *line, *rest;
  unsigned long id;

  if (machine->root < 0 && (entry = getgrgid (gid)))
    return vl_printf (machine->call, "%s", entry->gr_name);
  if (machine->root >= 0
      && find_entry (machine_read (machine, "/etc/group"), NULL, gid, &id, &line, &rest))
    return vl_printf (machine->call, "%.*s", (int)strcspn (line, ":"), line);
  return vl_printf (machine->call, "%u", (unsigned)gid);
}

/* Is NAME one of the members "a,b,c"? */
static int
is_member (const char *members, const char *name)
{
  size_t length = strlen (name);

  while (*members && *members != '\n') {
    size_t n = strcspn (members, ",\n");

    if (n == length && strncmp (members, name, n) == 0)
      return 1;
    members += n + (members[n] == ',');
  }
  return 0;
}

int
machine_is_in (struct machine *machine, const struct machine_account *user, gid_t group)
{
  const char *line, *rest;
  gid_t *groups = NULL;
  unsigned long id;
  int n = 0, found = 0;

  if (user->gid == group)
    return 1;
  if (machine->root >= 0)
    return find_entry (machine_read (machine, "/etc/group"), NULL, group, &id, &line, &rest)
           && is_member (rest, user->name);
  /* The first call says how many there are. */
  (void)getgrouplist (user->name, user->gid, NULL, &n);
  groups = vl_xcalloc ((size_t)n + 1, sizeof *groups);
  if (getgrouplist (user->name, user->gid, groups, &n) >= 0)
    for (int i = 0; i < n; i++)
      found |= groups[i] == group;
  free (groups);
  return found;
}

/* The value of KEY in libvirt's qemu.conf, as `user = "libvirt-qemu"`; the last one counts. */
static const char *
configured (struct machine *machine, const char *text, const char *key)
{
  const char *found = NULL;

  for (const char *line = text; line && *line;
       line += strcspn (line, "\n"), line += *line == '\n') {
    const char *value = line + strspn (line, " \t");

    if (! VL_STARTS (value, key))
      continue;
    value += strlen (key);
    value += strspn (value, " \t");
    if (*value != '=')
      continue;
    value += 1 + strspn (value + 1, " \t\"");
    found = vl_printf (machine->call, "%.*s", (int)strcspn (value, "\" \t\n#"), value);
  }
  return found;
}

struct machine_account
machine_qemu_user (struct machine *machine, const char **wanted)
{
  static const char *const names[] = { "libvirt-qemu", "qemu" };
  const char *text = machine_read (machine, "/etc/libvirt/qemu.conf"), *group;
  struct machine_account user = { .name = NULL };

  *wanted = configured (machine, text, "user");
  if (*wanted)
    user = find_user (machine, *wanted);
  for (size_t i = 0; *wanted == NULL && user.name == NULL && i < sizeof names / sizeof names[0];
       i++)
    user = find_user (machine, names[i]);
  group = configured (machine, text, "group");
  if (user.name && group && machine_find_group (machine, group, &user.gid) < 0)
    user.gid = (gid_t)strtoul (group + (*group == '+'), NULL, 10);
  return user;
}
