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
/* So many writes are under way at the same time. */
#define SLOTS 8

static char pieces[SLOTS][PIECE];

static int
is_zero (const char *bytes, size_t length)
{
  return length == 0 || (bytes[0] == 0 && memcmp (bytes, bytes + 1, length - 1) == 0);
}

/* ---- writing ---- */

struct writing {
  struct order *order;
  rbd_image_t image;
  rbd_completion_t under_way[SLOTS]; /* or NULL */
  unsigned next;
};

/* Waits for what is under way in SLOT. */
static int
await (struct writing *w, unsigned slot)
{
  rbd_completion_t done = w->under_way[slot];
  ssize_t result;

  if (done == NULL)
    return 0;
  rbd_aio_wait_for_complete (done);
  result = rbd_aio_get_return_value (done);
  rbd_aio_release (done);
  w->under_way[slot] = NULL;
  return result < 0 ? order_failed (w->order, "its bytes cannot be written", (int)result) : 0;
}

static int
await_all (struct writing *w)
{
  int result = 0;

  for (unsigned slot = 0; slot < SLOTS; slot++)
    result |= await (w, slot);
  return result;
}

/* Begins to write LENGTH bytes of the next slot, which is free. */
static int
put_piece (struct writing *w, off_t at, size_t length)
{
  unsigned slot = w->next;
  int error = rbd_aio_create_completion (NULL, NULL, &w->under_way[slot]);

  if (error < 0)
    return order_failed (w->order, "its bytes cannot be written", error);
  error = rbd_aio_write (w->image, (uint64_t)at, length, pieces[slot], w->under_way[slot]);
  if (error < 0) {
    rbd_aio_release (w->under_way[slot]);
    w->under_way[slot] = NULL;
    return order_failed (w->order, "its bytes cannot be written", error);
  }
  w->next = (slot + 1) % SLOTS;
  return 0;
}

/* Writes the data of the file between FROM and TO. */
static int
put_range (struct writing *w, off_t from, off_t to)
{
  while (from < to) {
    size_t wanted = (size_t)(to - from) < PIECE ? (size_t)(to - from) : PIECE;
    ssize_t got;

    if (await (w, w->next) < 0)
      return -1;
    got = pread (w->order->data, pieces[w->next], wanted, from);
    if (got <= 0)
      return order_failed (w->order, "the file cannot be read", got < 0 ? -errno : -EIO);
    if (! is_zero (pieces[w->next], (size_t)got) && put_piece (w, from, (size_t)got) < 0)
      return -1;
    from += got;
  }
  return 0;
}

int
order_put_bytes (struct order *order, rbd_image_t image)
{
  struct writing w = { .order = order, .image = image };
  struct stat st;
  off_t at = 0, end = 0;
  int result = 0;

  if (fstat (order->data, &st) < 0)
    return order_failed (order, "the file cannot be read", -errno);
  while (result == 0 && at < st.st_size && (at = lseek (order->data, at, SEEK_DATA)) >= 0) {
    end = lseek (order->data, at, SEEK_HOLE);
    result = put_range (&w, at, end < 0 ? st.st_size : end);
    at = end < 0 ? st.st_size : end;
  }
  return result | await_all (&w);
}

/* ---- reading ---- */

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
    ssize_t got = rbd_read (r->image, at, wanted, pieces[0]);

    if (got <= 0)
      return order_failed (r->order, "its bytes cannot be read", got < 0 ? (int)got : -EIO);
    if (! is_zero (pieces[0], (size_t)got)
        && pwrite (r->order->data, pieces[0], (size_t)got, (off_t)at) != got)
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
