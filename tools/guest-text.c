/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a guest wrote to its console, for the operator's terminal.  A guest can
 * write anything: sequences that rename the window, clear the screen, or paint a
 * prompt of the host.  So terminal sequences (ECMA-48) are left out, and what else
 * is not printable is shown by its bytes. */

#include <config.h>

#include "tool.h"

#define ESCAPE 0x1b
#define BELL 0x07

/* Does C belong to a terminal sequence, which is left out?  STATE goes on. */
static int
is_sequence (enum guest_text_state *state, uint32_t c)
{
  int within = *state != GUEST_TEXT;

  if (c == ESCAPE)
    *state = GUEST_ESCAPE;
  /* Nothing that is broken may swallow the next line. */
  else if (c == '\n')
    *state = GUEST_TEXT;
  /* The same introducers as one character each (C1). */
  else if (c == 0x9b)
    *state = GUEST_CONTROL;
  else if (c == 0x90 || c == 0x98 || (c >= 0x9d && c <= 0x9f))
    *state = GUEST_STRING;
  else if (*state == GUEST_ESCAPE && c == '[')
    *state = GUEST_CONTROL;
  else if (*state == GUEST_ESCAPE && (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_'))
    *state = GUEST_STRING;
  else if (*state == GUEST_ESCAPE    ? c < 0x20 || c > 0x2f /* else more of it follows */
           : *state == GUEST_CONTROL ? c >= 0x40 && c <= 0x7e
                                     : c == BELL || c == 0x9c)
    *state = GUEST_TEXT;
  return *state != GUEST_TEXT || (within && c != '\n');
}

/* One character C, the N bytes at TEXT; N = 0: the byte there is no UTF-8. */
static void
put (struct guest_text *guest, const char *text, size_t n, uint32_t c)
{
  int bare = guest->returned && c != '\n';
  char *clean;

  guest->returned = 0;
  /* A carriage return would let a line overwrite what stands there. */
  if (bare && guest->state == GUEST_TEXT)
    fputc ('\n', stdout);
  if (is_sequence (&guest->state, n ? c : 0xfffd))
    return;
  if (c == '\r' && n) {
    guest->returned = 1;
    return;
  }
  if (n && (c == '\n' || c == '\t')) {
    fputc ((int)c, stdout);
    return;
  }
  clean = vl_text_clean_n (text, n ? n : 1);
  fputs (clean, stdout);
  free (clean);
}

int
guest_text_is_cut (const char *text, size_t n)
{
  return n < vl_utf8_length ((unsigned char)text[0]) && (n == 1 || (text[n - 1] & 0xc0) == 0x80);
}

void
guest_text_print (struct guest_text *guest, const char *text, size_t length)
{
  if (guest->raw) {
    output_raw (text, length);
    return;
  }
  for (size_t i = 0; i < length; i++) {
    /* A character that the last piece cut is put together again here. */
    guest->held[guest->n_held++] = text[i];
    while (guest->n_held && ! guest_text_is_cut (guest->held, guest->n_held)) {
      uint32_t c;
      size_t n = vl_utf8_read (guest->held, guest->n_held, &c), taken = n ? n : 1;

      put (guest, guest->held, n, c);
      guest->n_held -= taken;
      memmove (guest->held, guest->held + taken, guest->n_held);
    }
  }
}

void
guest_text_end (struct guest_text *guest)
{
  for (size_t i = 0; i < guest->n_held; i++)
    put (guest, guest->held + i, 0, 0);
  guest->n_held = 0;
}
