/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows of paths against the shape of an element: what a feature may touch
 * (`writes`), what a driver carries out (`understands`), and which libvirt knows it
 * (`since`).  The core itself may touch everything. */

#include <config.h>

#include "domain/node.h"

/* The names from the domain (left out) down to SHAPE; answers their number. */
static size_t
shape_names (const struct vl_shape *shape, const char *names[VL_DOC_MAX_DEPTH])
{
  size_t n = 0;

  for (const struct vl_shape *s = shape; s->parent; s = s->parent)
    n++;
  for (size_t i = n; i-- > 0; shape = shape->parent)
    names[i] = shape->name;
  return n;
}

/* What follows the first name of PATTERN, "" or "/...", where that is NAME, "*" or "[*]";
 * NULL where it is another one. */
static const char *
behind_name (const char *pattern, const char *name)
{
  const char *end = pattern;

  if (*pattern == '*')
    end = pattern + 1;
  else if (VL_STARTS (pattern, "[*]"))
    end = pattern + 3;
  else {
    for (; *name && *end == *name; name++)
      end++;
    if (*name)
      return NULL;
  }
  return *end == '\0' || *end == '/' ? end : NULL;
}

/* How far PATTERN and the N names, with attribute ATTR or NULL, agree: ALL where
 * PATTERN ends at or above the last of them, THROUGH where they end first. */
static enum vl_right
compare (const char *pattern, const char *const *names, size_t n, const char *attr)
{
  const char *part = pattern;

  for (size_t i = 0; i < n; i++) {
    part = behind_name (part, names[i]);
    if (part == NULL)
      return VL_RIGHT_NONE;
    if (*part == '\0')
      return VL_RIGHT_ALL;
    part++;
  }
  return attr && part[0] == '@' && VL_STREQ (part + 1, attr) ? VL_RIGHT_ALL : VL_RIGHT_THROUGH;
}

enum vl_right
vl_rows_right (const struct vl_write *rows, size_t n, const struct vl_shape *shape,
               const char *attr)
{
  const char *names[VL_DOC_MAX_DEPTH];
  size_t n_names = shape_names (shape, names);
  enum vl_right right = VL_RIGHT_NONE;

  for (size_t i = 0; i < n && right != VL_RIGHT_ALL; i++) {
    enum vl_right here = compare (rows[i].path, names, n_names, attr);

    if (here > right)
      right = here;
  }
  return right;
}

enum vl_right
vl_shape_right (struct vl_shape *shape, const struct vl_plugin *plugin)
{
  if (plugin == NULL)
    return VL_RIGHT_ALL;
  if (shape->asked != plugin) {
    const struct vl_shape *above = shape->parent;

    /* Who may do all, or nothing, above it may do so here. */
    shape->right = above && above->asked == plugin && above->right != VL_RIGHT_THROUGH
                       ? above->right
                       : (int)vl_rows_right (plugin->writes, plugin->n_writes, shape, NULL);
    shape->asked = plugin;
  }
  return (enum vl_right)shape->right;
}

int
vl_shape_matches (const struct vl_shape *shape, const char *pattern)
{
  const char *names[VL_DOC_MAX_DEPTH];

  return compare (pattern, names, shape_names (shape, names), NULL) == VL_RIGHT_ALL;
}

/* ---- rows about elements: since and flags ---- */

/* How far the path of ROW leads to ELEMENT or, with ATTR, that attribute of it: ALL where it
 * ends there or above, THROUGH where it goes on.  Unlike a right, this looks at keys too. */
static enum vl_right
row_reaches (const struct vl_write *row, const struct vl_element *element, const char *attr)
{
  struct vl_step steps[VL_DOC_MAX_DEPTH];
  int depth = element->depth - 1, n;
  const char *last;
  enum vl_right right;

  n = vl_path_read (element->doc->arena, row->path, steps, &last);
  if (n < 0 || (last && n < depth))
    return VL_RIGHT_NONE;
  right =
      n > depth || (last && ! (attr && VL_STREQ (last, attr))) ? VL_RIGHT_THROUGH : VL_RIGHT_ALL;
  for (; depth > n; depth--)
    element = element->parent;
  for (; depth > 0 && vl_element_is (element, &steps[depth - 1]); depth--)
    element = element->parent;
  return depth == 0 ? right : VL_RIGHT_NONE;
}

static int
row_covers (const struct vl_write *row, const struct vl_element *element, const char *attr)
{
  return row_reaches (row, element, attr) == VL_RIGHT_ALL;
}

const struct vl_write *
vl_element_since (const struct vl_element *element, const char *attr,
                  const struct vl_plugin *plugin)
{
  const struct vl_write *newest = NULL;

  for (size_t i = 0; plugin && i < plugin->n_writes; i++) {
    const struct vl_write *row = &plugin->writes[i];

    if (row->since && (newest == NULL || vl_version_compare (row->since, newest->since) > 0)
        && row_covers (row, element, attr))
      newest = row;
  }
  return newest;
}

int
vl_element_guarded (const struct vl_element *element, const char *attr,
                    const struct vl_registry *registry)
{
  for (size_t p = 0; p < registry->n; p++)
    for (size_t i = 0; i < registry->plugins[p]->n_writes; i++)
      if (registry->plugins[p]->writes[i].flags & VL_GUARDED
          && row_covers (&registry->plugins[p]->writes[i], element, attr))
        return 1;
  return 0;
}

const char *
vl_shape_path (struct vl_arena *arena, const struct vl_shape *shape)
{
  const char *names[VL_DOC_MAX_DEPTH];
  VL_AUTOSTR struct vl_str path = { 0 };
  size_t n = shape_names (shape, names);

  vl_str_add (&path, "/domain");
  for (size_t i = 0; i < n; i++)
    vl_str_printf (&path, "/%s", names[i]);
  return vl_arena_strdup (arena, path.text);
}

/* ---- what driver and host cannot do ---- */

struct checking {
  struct vl_call *call;
  const struct vl_plugin *driver; /* NULL: it carries out everything */
};

static const char *
written_by (const struct checking *c, const struct vl_owner *owners)
{
  return owners ? vl_owners_text (c->call->guest, owners) : "core";
}

/* Needs one of OWNERS a newer libvirt for ELEMENT (or ATTR of it) than the host has? */
static const struct vl_write *
too_new (const struct checking *c, const struct vl_element *element, const char *attr,
         const struct vl_owner *owners)
{
  for (const struct vl_owner *o = owners; o; o = o->next) {
    const struct vl_write *row = vl_element_since (element, attr, o->plugin);

    if (row && vl_fact_at_least (c->call, "libvirt.version", row->since) == 0)
      return row;
  }
  return NULL;
}

/* Judges ELEMENT or, with SLOT, a value of it; UNDERSTOOD is 0 where the driver does
 * not carry it out.  0, or -1 after a finding. */
static int
judge_part (const struct checking *c, const struct vl_element *element, const struct vl_slot *slot,
            int understood)
{
  const struct vl_owner *owners =
      slot ? vl_slot_owners (c->call->arena, slot) : vl_element_owners (element);
  const char *attr = slot ? slot->name : NULL;
  const struct vl_write *row = too_new (c, element, attr, owners);
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_UNSUPPORTED,
    .plugin = owners ? vl_owner_name (owners) : "core",
  };

  if (row == NULL && understood)
    return 0;
  report.property = owners ? vl_owner_property (c->call->guest, owners) : NULL;
  report.path = vl_element_path (c->call->arena, element, attr);
  if (row) {
    report.hint = "leave out what asks for it, or use a host with a newer libvirt";
    return vl_report (c->call, &report, "'%s' needs libvirt %s, this host has %s; written by %s",
                      report.path, row->since, vl_fact_str (c->call, "libvirt.version"),
                      written_by (c, owners));
  }
  report.code = "UnsupportedByDriver";
  report.hint = "leave out what asks for it, or use another driver";
  return vl_report (c->call, &report, "driver '%s' does not carry out '%s'; written by %s",
                    c->driver->name, report.path, written_by (c, owners));
}

static enum vl_right
driver_right (const struct vl_plugin *driver, const struct vl_element *element, const char *attr)
{
  enum vl_right right = driver ? VL_RIGHT_NONE : VL_RIGHT_ALL;

  for (size_t i = 0; right != VL_RIGHT_ALL && i < driver->n_writes; i++) {
    enum vl_right here = row_reaches (&driver->writes[i], element, attr);

    right = here > right ? here : right;
  }
  return right;
}

/* One finding is enough for an element and what is in it.  Elements that nobody asked
 * for stand only for what is in them. */
static void
judge_element (const struct checking *c, const struct vl_element *element)
{
  enum vl_right right = driver_right (c->driver, element, NULL);
  int holds = element->first || element->slots || element->text;
  int understood = right == VL_RIGHT_ALL || (right == VL_RIGHT_THROUGH && holds);

  if (element->owners && judge_part (c, element, NULL, understood) < 0)
    return;
  if (element->text)
    judge_part (c, element, element->text, right == VL_RIGHT_ALL);
  for (const struct vl_slot *slot = element->slots; slot; slot = slot->next)
    judge_part (c, element, slot, driver_right (c->driver, element, slot->name) == VL_RIGHT_ALL);
  for (const struct vl_element *child = element->first; child; child = child->next)
    judge_element (c, child);
}

/* May an active feature write what not every libvirt knows? */
static int
any_since (const struct vl_guest *guest)
{
  for (size_t p = 0; p < guest->registry->n; p++)
    for (size_t i = 0; i < guest->registry->plugins[p]->n_writes; i++)
      if (guest->registry->plugins[p]->writes[i].since
          && (guest->active == NULL || guest->active[p]))
        return 1;
  return 0;
}

void
vl_doc_check_able (struct vl_build *build)
{
  struct checking c = { .call = build->call, .driver = build->call->driver };

  if (c.driver && c.driver->driver.reads_back)
    c.driver = NULL;
  if (c.driver || any_since (build->guest))
    judge_element (&c, build->doc->root);
}
