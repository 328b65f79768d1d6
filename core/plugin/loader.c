/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our lt_dlvtable in place of libltdl's own loader: that one binds lazily,
 * follows .la files and LTDL_LIBRARY_PATH anywhere, and answers "file not
 * found" to everything.  Ours is handed a descriptor that was checked and whose
 * note was read, and opens just that. */

#include <config.h>

#include "plugin/loader.h"

#include "lib/trust.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <ltdl.h>
#include <pthread.h>
#include <sys/stat.h>

#define MOST_MODULE_BYTES (64 * 1024 * 1024)

/* libltdl is not safe with threads, and it hands its loader no more than a file
 * name: what else the loader needs waits here, under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ready;
static struct {
  int fd;           /* what module_open opens */
  char error[1024]; /* what dlerror said */
} request = { .fd = -1 };

/* What was opened in this process, for a second application object in it. */
static struct opened {
  struct opened *next;
  dev_t dev;
  ino_t ino;
  lt_dlhandle handle;
} * all_opened;

static lt_module
module_open (lt_user_data data, const char *file, lt_dladvise advise)
{
  char name[64];
  void *handle;
  const char *error;

  (void)data;
  (void)file;
  (void)advise;
  if (request.fd < 0)
    return NULL;
  snprintf (name, sizeof name, "/proc/self/fd/%d", request.fd);
  handle = dlopen (name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == NULL && (error = dlerror ())) {
    /* dlerror begins with the name it was given; ours means nothing to anyone. */
    size_t n = strlen (name);

    if (strncmp (error, name, n) == 0 && strncmp (error + n, ": ", 2) == 0)
      error += n + 2;
    snprintf (request.error, sizeof request.error, "%s", error);
  }
  return handle;
}

static int
module_close (lt_user_data data, lt_module module)
{
  (void)data;
  (void)module;
  return 0;
}

/* libltdl asks for NAME_LTX_symbol first and the bare symbol then; only the
 * first is a plugin's. */
static void *
find_sym (lt_user_data data, lt_module module, const char *symbol)
{
  (void)data;
  return strstr (symbol, "_LTX_") ? dlsym (module, symbol) : NULL;
}

static const lt_dlvtable vtable = {
  .name = "virtloom",
  .sym_prefix = NULL,
  .module_open = module_open,
  .module_close = module_close,
  .find_sym = find_sym,
  .priority = LT_DLLOADER_PREPEND,
};

/* With the lock held: libltdl with our loader in place of its own. */
static int
start_libltdl (const char **why)
{
  if (ready)
    return 0;
  if (lt_dlinit () != 0) {
    *why = lt_dlerror ();
    return -1;
  }
  /* The loader of modules that are linked in cannot be removed; it opens no files. */
  free (lt_dlloader_remove ("lt_dlopen"));
  if (lt_dlloader_find ("lt_dlopen") || lt_dlloader_add (&vtable) != 0) {
    *why = "libltdl's own loader cannot be replaced";
    return -1;
  }
  ready = 1;
  return 0;
}

/* Opens FD under libltdl and answers with the body.  Takes FD: it stays open for
 * good where the module was opened by it, and is closed otherwise. */
static const void *
open_checked (struct vl_arena *arena, int fd, const char *file, const struct vl_module *module,
              const char **why)
{
  VL_AUTOFREE char *name = vl_xasprintf ("/proc/self/fd/%d/%s", fd, file);
  struct opened *known = all_opened;
  lt_dlhandle handle = NULL;
  const void *body;

  while (known && (known->dev != module->dev || known->ino != module->ino))
    known = known->next;
  if (known) {
    close (fd);
    handle = known->handle;
  } else {
    request.fd = fd;
    request.error[0] = '\0';
    /* The name only has to be new to libltdl, which remembers handles by name,
     * and to end in the file's, from which it makes the symbol's. */
    handle = lt_dlopen (name);
    request.fd = -1;
    if (handle == NULL) {
      *why = vl_arena_printf (arena, "cannot be opened: %s",
                              request.error[0] ? request.error : lt_dlerror ());
      close (fd);
      return NULL;
    }
    known = VL_NEW (struct opened);
    *known = (struct opened) { all_opened, module->dev, module->ino, handle };
    all_opened = known;
  }
  body = lt_dlsym (handle, "virtloom_module");
  if (body == NULL) {
    char *ident = vl_arena_strndup (arena, file, strlen (file) - strlen (".so"));

    for (char *p = ident; *p; p++)
      if (*p == '-')
        *p = '_';
    *why = vl_arena_printf (
        arena, "has no symbol '%s_LTX_virtloom_module'; VL_FEATURE or VL_DRIVER makes it", ident);
  }
  return body;
}

/* ---- finding the file ---- */

static int
try_folder (struct vl_arena *arena, const char *folder, const char *file, const char **path)
{
  struct stat st;

  *path = vl_arena_printf (arena, "%s/%s", folder, file);
  return lstat (*path, &st) == 0;
}

/* FILE of the build TREE: where libtool leaves modules. */
static int
find_in_tree (struct vl_arena *arena, const char *tree, const char *name, const char *file,
              const char **path)
{
  const char *first[] = { "features", "storage", "networks",
                          vl_arena_printf (arena, "drivers/%s", name), "tests/mods" };
  VL_AUTOSTRV struct vl_strv folders = { 0 };
  DIR *dir;

  for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
    if (try_folder (arena, vl_arena_printf (arena, "%s/%s/.libs", tree, first[i]), file, path))
      return 1;
  dir = opendir (tree);
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    if (entry->d_name[0] != '.')
      vl_strv_add (&folders, entry->d_name);
  if (dir)
    closedir (dir);
  vl_strv_sort (&folders);
  for (size_t i = 0; i < folders.n; i++)
    if (try_folder (arena, vl_arena_printf (arena, "%s/%s/.libs", tree, folders.items[i]), file,
                    path))
      return 1;
  return 0;
}

/* Opens the module at PATH by the path rule; -1 with *WHY. */
static int
open_trusted (struct vl_arena *arena, const char *path, struct stat *st, const char **why)
{
  struct vl_trust trust;
  /* O_NONBLOCK: a FIFO must not hang us before fstat can tell it apart. */
  int fd = vl_trust_open (arena, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &trust);

  if (fd < 0)
    *why = vl_arena_printf (arena, "cannot be %s: %s%s%s", trust.error ? "opened" : "trusted",
                            trust.why, trust.hint ? "; mend it with: " : "",
                            trust.hint ? trust.hint : "");
  else if (fstat (fd, st) < 0 || ! S_ISREG (st->st_mode))
    *why = "is not a regular file";
  else if (st->st_size > MOST_MODULE_BYTES)
    *why = vl_arena_printf (arena, "is larger than %d MiB", MOST_MODULE_BYTES / (1024 * 1024));
  else
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

int
vl_module_find (struct vl_arena *arena, const struct vl_places *places, const char *name,
                const char *file, const char **path, const char **why)
{
  *path = vl_arena_printf (arena, VL_PKGLIBDIR "/%s", file);
  if (places->tree ? find_in_tree (arena, places->tree, name, file, path)
                   : access (*path, F_OK) == 0 || errno != ENOENT)
    return 0;
  *why = places->tree
             ? vl_arena_printf (arena, "module '%s' is not in %s/*/.libs", file, places->tree)
             : vl_arena_printf (arena, "module '%s' is not in " VL_PKGLIBDIR, file);
  return -1;
}

int
vl_module_check (struct vl_arena *arena, const char *path, struct vl_module *module,
                 const char **why)
{
  struct stat st;
  int fd = open_trusted (arena, path, &st, why);

  if (fd < 0)
    return -1;
  module->dev = st.st_dev;
  module->ino = st.st_ino;
  if (vl_note_read (arena, fd, (size_t)st.st_size, &module->note, &module->span, why) == 0)
    return fd;
  close (fd);
  return -1;
}

int
vl_module_open (struct vl_arena *arena, const char *path, const char *name, enum vl_kind kind,
                struct vl_module *module, const char **why)
{
  const char *problem = NULL;
  Dl_info info = { .dli_fbase = NULL };
  int fd = vl_module_check (arena, path, module, &problem);

  if (fd >= 0)
    problem = vl_note_compare (arena, &module->note, name, kind);
  if (problem == NULL) {
    pthread_mutex_lock (&lock);
    if (start_libltdl (&problem) == 0) {
      module->body = open_checked (arena, fd, strrchr (path, '/') + 1, module, &problem);
      if (module->body && dladdr (module->body, &info))
        module->start = info.dli_fbase;
      fd = -1;
    }
    pthread_mutex_unlock (&lock);
  }
  if (fd >= 0)
    close (fd);
  if (problem) {
    *why = vl_arena_printf (arena, "module '%s' %s", path, problem);
    return -1;
  }
  return 0;
}
