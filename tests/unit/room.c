/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of storage and records share. */

#include <config.h>

#include "room.h"

#include "server/db.h"

#include <check.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct rig rig;
struct vl_call *call;
struct vl_app *app;

void
room_start (const char *conf)
{
  rig_start (&rig);
  call = rig.call;
  if (conf)
    rig_write (&rig, "packaging/virtloom.conf", conf);
  rig_load (&rig);
  ck_assert_int_eq (rig.config_result, 0);
}

void
room_setup (void)
{
  room_start (NULL);
}

void
room_teardown (void)
{
  rig_end (&rig);
}

void
room_app_setup (void)
{
  rig_start (&rig);
  call = rig.call;
  /* There is no plugin that would claim the keys of the tests. */
  rig_write (&rig, "packaging/virtloom.conf",
             "[virtloom]\nignored_extra_specs = hw:*\nignored_properties = hw_* os_*\n");
  app = open_app (path ("state"));
}

void
room_app_teardown (void)
{
  vl_app_free (app);
  rig_end (&rig);
}

int64_t
number (struct vl_store *store, const char *sql)
{
  int64_t n = 0;

  ck_assert_int_eq (vl_db_number (store, &n, sql, ""), 1);
  return n;
}

const char *
path (const char *name)
{
  return rig_path (&rig, name);
}

int
exists (const char *name)
{
  struct stat st;

  return lstat (path (name), &st) == 0;
}

const char *
run (const char *const *argv)
{
  VL_AUTOSTR struct vl_str out = { 0 };
  int ends[2], status = -1;
  char piece[4096];
  ssize_t got;
  pid_t pid;

  ck_assert_int_eq (pipe (ends), 0);
  pid = fork ();
  if (pid == 0) {
    dup2 (ends[1], 1);
    execv (argv[0], (char *const *)argv);
    _exit (127);
  }
  close (ends[1]);
  vl_str_add (&out, "");
  while ((got = read (ends[0], piece, sizeof piece)) > 0)
    vl_str_add_n (&out, piece, (size_t)got);
  close (ends[0]);
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_msg (status == 0, "%s ended with status %d", argv[0], status);
  return vl_arena_strdup (call->arena, out.text);
}

const char *
listing (const char *name)
{
  const char *argv[] = { "/bin/ls", "-A", path (name), NULL };

  return run (argv);
}

void
qemu_img (const char *a, const char *b, const char *c, const char *d, const char *e, const char *f,
          const char *g)
{
  const char *argv[] = { "/usr/bin/qemu-img", a, b, c, d, e, f, g, NULL };

  run (argv);
}

const char *
make (const char *name, const char *format, const char *size)
{
  qemu_img ("create", "-q", "-f", format, path (name), size, NULL);
  return path (name);
}

struct vl_app *
open_app (const char *state)
{
  struct vl_app_options options = { .state_dir = state, .tree_dir = rig.dir };
  struct vl_app *fresh = vl_app_new (&options);

  ck_assert_int_eq (vl_app_load (fresh), 0);
  return fresh;
}

const char *
findings (struct vl_app *of)
{
  const char *text;

  rig.call = of->call;
  text = rig_findings (&rig);
  rig.call = call;
  text = vl_printf (call, "%s", text);
  vl_findings_clear (of);
  return text;
}
