/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nova-names.conf: what Nova's names mean, as far as it is data.  Image properties
 * by their old names, what of the facts makes a trait, and the request keys that
 * Nova knows and virtloom has not. */

#include <config.h>

#include "plugin/conf.h"

#include <fnmatch.h>

#define UNSUPPORTED "not-supported."

int
vl_glob_any (const char *globs, const char *text)
{
  static const char between[] = " \t\n,";

  for (; globs && *(globs += strspn (globs, between)); globs += strcspn (globs, between)) {
    size_t length = strcspn (globs, between), plain = strcspn (globs, "*?[\\ \t\n,");
    VL_AUTOFREE char *glob = plain < length ? vl_xstrndup (globs, length) : NULL;

    if (glob ? fnmatch (glob, text, 0) == 0
             : strncmp (globs, text, length) == 0 && text[length] == '\0')
      return 1;
  }
  return 0;
}

int
vl_trait_name_ok (const char *name)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

  return *name && strlen (name) <= 255 && name[strspn (name, letters)] == '\0';
}

const char *
vl_known (const struct vl_config *config, const char *section, const char *key)
{
  for (size_t i = 0; config && i < config->known.n; i++)
    if (VL_STREQ (config->known.entries[i].key, key)
        && VL_STREQ (config->known.entries[i].section, section))
      return config->known.entries[i].value;
  return NULL;
}

int
vl_known_unsupported (const struct vl_config *config, const char *key, const char *value,
                      const char **why)
{
  for (size_t i = 0; config && i < config->known.n_sections; i++) {
    const char *section = config->known.sections[i].name;

    if (! VL_STARTS (section, UNSUPPORTED)
        || ! vl_glob_any (vl_known (config, section, "keys"), key))
      continue;
    *why = vl_known (config, section, "why");
    return vl_glob_any (vl_known (config, section, "nothing"), value) ? 1 : -1;
  }
  return 0;
}

/* Refuses what nobody would ever read. */
static int
check (struct vl_call *call, const struct vl_config *config, const char *path)
{
  const struct vl_ini *ini = &config->known;
  int bad = 0;

  for (size_t i = 0; i < ini->n_sections; i++) {
    const char *name = ini->sections[i].name;
    int unsupported = VL_STARTS (name, UNSUPPORTED);

    if (unsupported && vl_known (config, name, "keys") && vl_known (config, name, "why"))
      continue;
    if (unsupported || ! vl_glob_any ("aliases trait-flags traits", name))
      bad = vl_ini_error (call, NULL, path, ini->sections[i].line, NULL,
                          "section [%s]; accepted: aliases, trait-flags, traits, and " UNSUPPORTED
                          "NAME with 'keys' and 'why'",
                          name);
  }
  return bad;
}

int
vl_known_read (struct vl_call *call, struct vl_config *config, const char *path)
{
  int bad = vl_ini_read (call, config->arena, NULL, path, &config->known);

  if (bad > 0)
    return vl_ini_error (call, NULL, path, 0, "install virtloom's files again",
                         "is not there; it is a part of virtloom and tells the names of Nova");
  return bad ? bad : check (call, config, path);
}
