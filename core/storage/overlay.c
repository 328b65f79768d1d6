/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Overlays of volumes: made over a file that is there, and merged into it.  What lies below is what
 * is on record, never what an overlay says. */

#include <config.h>

#include "storage/storage.h"

#include "lib/file.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

int
vl_overlay_make (struct vl_call *call, const char *target, const char *backing,
                 const char *backing_format, int64_t bytes)
{
  VL_AUTOCLOSE int fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  const char *size = vl_printf (call, "%" PRId64, bytes);
  const char *args[] = { "create", "-q",    "-f", "qcow2",        "-u", "-F", backing_format,
                         "-b",     backing, "--", VL_TOOL_FILE_0, size, NULL };
  const struct vl_tool_file files[] = { { .path = target, .fd = fd, .write = 1 } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = VL_TABLE (files),
                                .file_size = bytes / 64 + (64 << 20) };
  int result;

  if (fd < 0)
    return vl_file_failed (call, "cannot make", target, errno);
  result = vl_tool_core (call, &tool, NULL);
  if (result == 0 && fsync (fd) < 0)
    result = vl_file_failed (call, "cannot write", target, errno);
  if (result < 0)
    unlink (target);
  return result;
}

/* The very file that was judged, whatever has its name by now. */
static int
open_again (const struct vl_image_file *file)
{
  int fd = open (vl_printf (file->call, "/proc/self/fd/%d", file->fd), O_RDWR | O_CLOEXEC);

  return fd >= 0 ? fd : vl_file_failed (file->call, "cannot write", file->path, errno);
}

/* The files of a chain, each open and judged, from the one that is worked on. */
struct open_chain {
  struct vl_image_file of[VL_CHAIN_MOST];
  const struct vl_link *links;
  size_t n;
};

static void
close_chain (struct open_chain *chain)
{
  for (size_t i = 0; i < chain->n; i++)
    vl_image_close (&chain->of[i]);
}

/* Each of the N LINKS lies over the next one, the last over nothing. */
static int
open_chain (struct vl_call *call, const struct vl_link *links, size_t n,
            const struct vl_trust_guests *guests, struct open_chain *chain)
{
  for (size_t i = 0; i < VL_CHAIN_MOST; i++)
    chain->of[i] = (struct vl_image_file) { .fd = -1 };
  chain->links = links;
  chain->n = n;
  for (size_t i = 0; i < n; i++)
    if (vl_volume_open (call, links[i].path, 0, guests, &chain->of[i]) < 0
        || vl_disk_verify (&chain->of[i], links[i].format, i + 1 < n ? links[i + 1].path : NULL,
                           i + 1 < n ? links[i + 1].format : NULL)
               < 0)
      return -1;
  return 0;
}

/* The chain from its I-th file on, as QEMU is to open it, whatever the files say. */
static const char *
chain_spec (struct vl_call *call, const struct open_chain *chain, size_t i)
{
  const char *format = chain->links[i].format, *below = "";

  if (i + 1 < chain->n)
    below = vl_printf (call, ",\"backing\":%s", chain_spec (call, chain, i + 1));
  else if (VL_STREQ (format, "qcow2"))
    below = ",\"backing\":null";
  return vl_printf (call,
                    "{\"driver\":\"%s\",\"file\":{\"driver\":\"file\",\"filename\":"
                    "\"/proc/self/fd/%zu\"}%s}",
                    format, 3 + i, below);
}

/* Runs qemu-img with ARGS, which may write to the first WRITTEN files. */
static int
run_on_chain (struct vl_call *call, const struct open_chain *chain, const char *const *args,
              size_t written)
{
  struct vl_tool_file files[VL_CHAIN_MOST] = { { 0 } };
  int64_t bytes = chain->of[0].virtual_size;
  struct vl_tool tool = { .size = sizeof tool,
                          .name = "qemu-img",
                          .args = args,
                          .files = { files, (uint32_t)chain->n, sizeof *files },
                          .deadline = vl_tool_time_for (2 * bytes),
                          .file_size = bytes + bytes / 64 + (64 << 20) };
  int result = 0;

  for (size_t i = 0; i < chain->n; i++)
    files[i] = (struct vl_tool_file) { .path = chain->of[i].path,
                                       .fd = i < written ? open_again (&chain->of[i])
                                                         : dup (chain->of[i].fd),
                                       .write = i < written };
  for (size_t i = 0; i < chain->n; i++)
    if (files[i].fd < 0)
      result = -1;
  if (result == 0)
    result = vl_tool_core (call, &tool, NULL);
  for (size_t i = 0; i < chain->n && files[i].fd >= 0; i++) {
    if (result == 0 && i < written && fsync (files[i].fd) < 0)
      result = vl_file_failed (call, "cannot write", files[i].path, errno);
    close (files[i].fd);
  }
  return result;
}

int
vl_overlay_merge (struct vl_call *call, const struct vl_link *links, size_t n,
                  const struct vl_trust_guests *guests)
{
  struct open_chain chain;
  int result = open_chain (call, links, n, guests, &chain);

  if (result == 0) {
    const char *args[] = {
      "commit", "-q", "-d", "--", vl_printf (call, "json:%s", chain_spec (call, &chain, 0)), NULL
    };

    vl_progress (call, "merging \"%s\" into \"%s\"", links[0].path, links[1].path);
    result = run_on_chain (call, &chain, args, 2);
  }
  close_chain (&chain);
  return result;
}

int
vl_overlay_pull (struct vl_call *call, const struct vl_link *links, size_t n,
                 const struct vl_trust_guests *guests)
{
  struct open_chain chain;
  int result = open_chain (call, links, n, guests, &chain);

  if (result == 0) {
    const char *args[] = { "rebase", "-q",
                           "-b",     "",
                           "--",     vl_printf (call, "json:%s", chain_spec (call, &chain, 0)),
                           NULL };

    vl_progress (call, "copying all below \"%s\" into it", links[0].path);
    result = run_on_chain (call, &chain, args, 1);
  }
  close_chain (&chain);
  return result;
}

int
vl_overlay_move (struct vl_call *call, const char *path, const struct vl_link *from,
                 const struct vl_link *to, const struct vl_trust_guests *guests)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const char *args[] = { "rebase",   "-q", "-u",     "-f", "qcow2",        "-F",
                         to->format, "-b", to->path, "--", VL_TOOL_FILE_0, NULL };
  VL_AUTOCLOSE int fd = -1;
  int has = vl_overlay_names (call, path, to, guests);

  if (has != 0)
    return has < 0 ? -1 : 0;
  if (vl_volume_open (call, path, 0, guests, &file) < 0
      || vl_disk_verify (&file, "qcow2", from->path, from->format) < 0
      || (fd = open_again (&file)) < 0)
    return -1;
  {
    const struct vl_tool_file files[] = { { .path = path, .fd = fd, .write = 1 } };
    const struct vl_tool tool = { .size = sizeof tool,
                                  .name = "qemu-img",
                                  .args = args,
                                  .files = VL_TABLE (files),
                                  .file_size = file.size + (64 << 20) };

    if (vl_tool_core (call, &tool, NULL) < 0)
      return -1;
  }
  return fsync (fd) == 0 ? 0 : vl_file_failed (call, "cannot write", path, errno);
}

int
vl_overlay_names (struct vl_call *call, const char *path, const struct vl_link *below,
                  const struct vl_trust_guests *guests)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  if (vl_volume_open (call, path, 0, guests, &file) < 0 || vl_qcow2_read (&file) < 0)
    return -1;
  return vl_text_same (file.backing, below ? below->path : NULL);
}

/* QEMU has locks on single bytes of each disk that it has open. */
int
vl_disk_in_use (int fd)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  return fcntl (fd, F_OFD_GETLK, &lock) < 0 ? -1 : lock.l_type != F_UNLCK;
}
