/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is to be seen on the display of a fake guest: bars in shades of grey, as many of them
 * white as it was started, in a PNG of the plainest kind. */

#include <config.h>

#include <string.h>

#include "../consoles.h"
#include "fake.h"

#define WIDTH 64
#define HEIGHT 48
#define BARS 8
/* Each line begins with its filter, 0: none. */
#define PIXELS ((WIDTH + 1) * HEIGHT)

struct picture {
  unsigned char bytes[PIXELS + 128];
  size_t n;
};

static void
put_number (struct picture *picture, uint32_t number)
{
  for (int shift = 24; shift >= 0; shift -= 8)
    picture->bytes[picture->n++] = (unsigned char)(number >> shift);
}

/* ISO 3309's, as PNG has it. */
static uint32_t
crc (const unsigned char *bytes, size_t n)
{
  uint32_t sum = UINT32_MAX;

  for (size_t i = 0; i < n; i++) {
    sum ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      sum = sum & 1 ? (sum >> 1) ^ UINT32_C (0xedb88320) : sum >> 1;
  }
  return ~sum;
}

static uint32_t
adler (const unsigned char *bytes, size_t n)
{
  uint32_t a = 1, b = 0;

  for (size_t i = 0; i < n; i++) {
    a = (a + bytes[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

static void
put_chunk (struct picture *picture, const char *type, const unsigned char *data, size_t n)
{
  size_t begin;

  put_number (picture, (uint32_t)n);
  begin = picture->n;
  memcpy (picture->bytes + begin, type, 4);
  if (n)
    memcpy (picture->bytes + begin + 4, data, n);
  picture->n += n + 4;
  put_number (picture, crc (picture->bytes + begin, n + 4));
}

/* One block of deflate that is stored as it is. */
static void
put_pixels (struct picture *picture, int64_t boots)
{
  static const unsigned char head[] = {
    0x78, 0x01, 0x01, PIXELS & 0xff, PIXELS >> 8, ~PIXELS & 0xff, ~PIXELS >> 8 & 0xff
  };
  unsigned char data[sizeof head + PIXELS + 4], *pixels = data + sizeof head;
  uint32_t sum;

  memcpy (data, head, sizeof head);
  for (int y = 0; y < HEIGHT; y++) {
    *pixels++ = 0;
    for (int x = 0; x < WIDTH; x++) {
      int bar = x * BARS / WIDTH;

      *pixels++ = (unsigned char)(bar < boots ? 255 : bar * 255 / BARS);
    }
  }
  sum = adler (data + sizeof head, PIXELS);
  for (int i = 0; i < 4; i++)
    pixels[i] = (unsigned char)(sum >> (24 - 8 * i));
  put_chunk (picture, "IDAT", data, sizeof data);
}

static void
draw (struct picture *picture, int64_t boots)
{
  /* 8 bits of grey, not interlaced. */
  static const unsigned char header[] = { 0, 0, 0, WIDTH, 0, 0, 0, HEIGHT, 8, 0, 0, 0, 0 };

  memcpy (picture->bytes, "\x89PNG\r\n\x1a\n", 8);
  picture->n = 8;
  put_chunk (picture, "IHDR", header, sizeof header);
  put_pixels (picture, boots);
  put_chunk (picture, "IEND", NULL, 0);
}

int
fake_screenshot (struct vl_call *call, struct vl_conn *conn, const char *uuid, const void **png,
                 size_t *length)
{
  const struct vl_xml *devices = fake_devices_of (call, conn, "screenshot", uuid);
  struct fake_guest guest;
  struct picture *picture;

  if (devices == NULL || fake_load (call, conn, uuid, &guest) < 0)
    return -1;
  if (guest.state != VL_STATE_RUNNING && guest.state != VL_STATE_PAUSED)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceNotRunning", NULL, NULL,
                         "guest '%s' does not run, and has no console then", guest.domain);
  if (! console_has_display (devices))
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ConsoleTypeUnavailable", NULL, NULL,
                         "guest '%s' has no display to take a picture of", uuid);
  picture = vl_memory (call, sizeof *picture);
  draw (picture, guest.boots);
  *png = picture->bytes;
  *length = picture->n;
  return 0;
}
