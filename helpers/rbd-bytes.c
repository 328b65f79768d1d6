/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-rbd: between an image and a file.  What is not there in the one is a hole in the other. */

#include <config.h>

#include "helpers/order.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)4 << 20)

static char piece[PIECE];

static int
is_zero (const char *bytes, size_t length)
{
  return length == 0 || (bytes[0] == 0 && memcmp (bytes, bytes + 1, length - 1) == 0);
}

/* Writes the data of the file between FROM and TO. */
static int
put_range (struct order *order, rbd_image_t image, off_t from, off_t to)
{
  while (from < to) {
    size_t wanted = (size_t)(to - from) < PIECE ? (size_t)(to - from) : PIECE;
    ssize_t got = pread (order->data, piece, wanted, from), put;

    if (got <= 0)
      return order_failed (order, "the file cannot be read", got < 0 ? -errno : -EIO);
    put =
        is_zero (piece, (size_t)got) ? got : rbd_write (image, (uint64_t)from, (size_t)got, piece);
    if (put != got)
      return order_failed (order, "its bytes cannot be written", put < 0 ? (int)put : -EIO);
    from += got;
  }
  return 0;
}

int
order_put_bytes (struct order *order, rbd_image_t image)
{
  struct stat st;
  off_t at = 0, end = 0;
  int error;

  if (fstat (order->data, &st) < 0)
    return order_failed (order, "the file cannot be read", -errno);
  /* The first flush is what makes writes go on before they are on disk. */
  error = rbd_flush (image);
  while (error == 0 && at < st.st_size && (at = lseek (order->data, at, SEEK_DATA)) >= 0) {
    end = lseek (order->data, at, SEEK_HOLE);
    if (put_range (order, image, at, end < 0 ? st.st_size : end) < 0)
      return -1;
    at = end < 0 ? st.st_size : end;
  }
  if (error == 0)
    error = rbd_flush (image);
  return error < 0 ? order_failed (order, "its bytes cannot be written", error) : 0;
}

struct reading {
  struct order *order;
  rbd_image_t image;
};

static int
get_range (uint64_t at, size_t length, int exists, void *opaque)
{
  const struct reading *r = opaque;

  while (exists && length) {
    size_t wanted = length < PIECE ? length : PIECE;
    ssize_t got = rbd_read (r->image, at, wanted, piece);

    if (got <= 0)
      return order_failed (r->order, "its bytes cannot be read", got < 0 ? (int)got : -EIO);
    if (! is_zero (piece, (size_t)got)
        && pwrite (r->order->data, piece, (size_t)got, (off_t)at) != got)
      return order_failed (r->order, "the file cannot be written", errno ? -errno : -EIO);
    at += (uint64_t)got;
    length -= (size_t)got;
  }
  return 0;
}

int
order_get_bytes (struct order *order, rbd_image_t image)
{
  struct reading reading = { order, image };
  uint64_t size = 0;
  int error = rbd_get_size (image, &size);

  if (error < 0)
    return order_failed (order, "it cannot be looked at", error);
  if (ftruncate (order->data, (off_t)size) < 0)
    return order_failed (order, "the file cannot be written", -errno);
  error = rbd_diff_iterate2 (image, NULL, 0, size, 1, 1, get_range, &reading);
  return error < 0 ? order_failed (order, "its bytes cannot be read", error) : 0;
}
