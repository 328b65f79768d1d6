/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as an image of each format: accepted or refused in words, never both,
 * and what is accepted names no other file. */

#include <config.h>

#include "storage/storage.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check (struct vl_image_file *file, const char *format)
{
  struct vl_call *call = file->call = vl_call_new ();
  int result = vl_image_check (file, format);

  if ((result == 0) != (call->findings.n == 0))
    abort ();
  if (result == 0 && (file->backing || file->virtual_size < 0))
    abort ();
  vl_call_free (call);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const formats[] = { "raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso" };
  struct vl_image_file file = { .path = "FILE", .size = (off_t)size };

  if (size == 0)
    return 0;
  file.fd = memfd_create ("image", MFD_CLOEXEC);
  file.head = vl_xcalloc (1, VL_IMAGE_HEAD);
  file.n_head = size < VL_IMAGE_HEAD ? size : VL_IMAGE_HEAD;
  memcpy (file.head, data, file.n_head);
  if (write (file.fd, data, size) != (ssize_t)size)
    abort ();
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
    check (&file, formats[i]);
  vl_image_close (&file);
  free (file.head);
  return 0;
}
