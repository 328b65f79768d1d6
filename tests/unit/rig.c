/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The temporary build tree of a test. */

#include <config.h>

#include "rig.h"

#include "severity.h"

#include "lib/file.h"

#include <check.h>
#include <sys/stat.h>

void
rig_start (struct rig *rig)
{
  memset (rig, 0, sizeof *rig);
  strcpy (rig->dir, "/tmp/virtloom-check-");
  memset (rig->dir + strlen (rig->dir), 'X', 6); /* what mkdtemp replaces */
  ck_assert_ptr_nonnull (mkdtemp (rig->dir));
  umask (022);
  rig->call = vl_call_new ();
  rig->call->tree = rig->dir;
  rig->config = vl_config_new ();
  rig->registry = vl_registry_new ();
  rig->places.tree = rig->dir;
  rig_write (rig, "packaging/nova-names.conf", "");
  ck_assert_int_eq (symlink (VL_TEST_BUILDDIR "/../confine", rig_path (rig, "confine")), 0);
}

void
rig_end (struct rig *rig)
{
  vl_registry_free (rig->registry);
  vl_config_free (rig->config);
  vl_call_free (rig->call);
  ck_assert_int_eq (vl_file_remove_tree (rig->dir), 0);
}

const char *
rig_path (struct rig *rig, const char *path)
{
  return vl_printf (rig->call, "%s/%s", rig->dir, path);
}

void
rig_write_n (struct rig *rig, const char *path, const char *text, size_t length)
{
  VL_AUTOFREE char *whole = vl_xasprintf ("%s/%s", rig->dir, path);
  VL_AUTOFREE char *folder = vl_xstrndup (whole, (size_t)(strrchr (whole, '/') - whole));

  ck_assert_int_eq (vl_file_mkdirs (folder, 0755), 0);
  ck_assert_int_eq (vl_file_write (whole, text, length, 0644), 0);
}

void
rig_write (struct rig *rig, const char *path, const char *text)
{
  rig_write_n (rig, path, text, strlen (text));
}

void
rig_module (struct rig *rig, const char *from, const char *as)
{
  const char *built = vl_printf (rig->call, "%s/%s.so", VL_TEST_MODS, from), *why = NULL;
  VL_AUTOFREE char *bytes = NULL;
  size_t length = 0;

  bytes = vl_file_read (built, 64 * 1024 * 1024, &length, &why);
  ck_assert_msg (bytes != NULL, "%s: %s", built, why);
  rig_write_n (rig, vl_printf (rig->call, "features/.libs/%s.so", as), bytes, length);
}

void
rig_plugin (struct rig *rig, const char *name, const char *keys)
{
  rig_write (rig, vl_printf (rig->call, "plugins.d/%s.conf", name),
             vl_printf (rig->call, "[plugin]\nkind = feature\nmodule = %s.so\n%s%s%s", name,
                        keys ? "keys = " : "", keys ? keys : "", keys ? "\n" : ""));
}

void
rig_load (struct rig *rig)
{
  rig->config_result = vl_config_read (rig->call, rig->config, &rig->places);
  vl_registry_read (rig->call, rig->registry, rig->config);
  vl_registry_load_all (rig->call, rig->registry, &rig->places);
}

const char *
rig_plain (struct rig *rig, const char *text)
{
  VL_AUTOSTR struct vl_str plain = { 0 };
  size_t n = strlen (rig->dir);

  vl_str_add (&plain, "");
  while (text && *text)
    if (strncmp (text, rig->dir, n) == 0) {
      vl_str_add (&plain, "DIR");
      text += n;
    } else
      vl_str_add_n (&plain, text++, 1);
  return vl_printf (rig->call, "%s", plain.text);
}

const char *
rig_findings (struct rig *rig)
{
  VL_AUTOSTR struct vl_str all = { 0 };

  vl_str_add (&all, "");
  for (size_t i = 0; i < rig->call->findings.n; i++) {
    const struct vl_finding *finding = &rig->call->findings.items[i];

    vl_str_printf (&all, "%s %s %s: %s", severities[finding->severity], finding->code,
                   finding->plugin, finding->message);
    if (finding->origin)
      vl_str_printf (&all, " (%s)", finding->origin);
    if (finding->hint)
      vl_str_printf (&all, "\n  %s", finding->hint);
    vl_str_add (&all, "\n");
  }
  return rig_plain (rig, all.text);
}
