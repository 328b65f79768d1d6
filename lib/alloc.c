/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Checked allocation, cleanup helpers, arena, growing text, list of texts. */

#include <config.h>

#include "lib/alloc.h"

#include <errno.h>
#include <stdint.h>

void
vl_oom (void)
{
  static const char text[] = "virtloom: out of memory\n";
  ssize_t ignored = write (STDERR_FILENO, text, sizeof text - 1);

  (void)ignored;
  abort ();
}

static void *
checked (void *p)
{
  if (p == NULL)
    vl_oom ();
  return p;
}

void *
vl_xcalloc (size_t n, size_t size)
{
  return checked (calloc (n ? n : 1, size ? size : 1));
}

void *
vl_xrealloc (void *p, size_t n, size_t size)
{
  return checked (reallocarray (p, n ? n : 1, size ? size : 1));
}

char *
vl_xstrdup (const char *text)
{
  return checked (strdup (text));
}

char *
vl_xstrndup (const char *text, size_t n)
{
  return checked (strndup (text, n));
}

char *
vl_xvasprintf (const char *fmt, va_list args)
{
  char *text = NULL;

  if (vasprintf (&text, fmt, args) < 0)
    vl_oom ();
  return text;
}

char *
vl_xasprintf (const char *fmt, ...)
{
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  return text;
}

/* The cleanup helpers keep errno, so that a caller can still report it after
 * its variables went out of scope. */
void
vl_cleanup_free (void *pp)
{
  int saved = errno;

  free (*(void **)pp);
  errno = saved;
}

void
vl_cleanup_fclose (void *pp)
{
  FILE *file = *(FILE **)pp;
  int saved = errno;

  if (file)
    fclose (file);
  errno = saved;
}

void
vl_cleanup_close (int *fd)
{
  int saved = errno;

  if (*fd >= 0)
    close (*fd);
  errno = saved;
}

/* ---- arena ---- */

#define BLOCK_SIZE (16 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct block {
  struct block *next;
  max_align_t data[];
};

struct vl_arena {
  struct block *blocks;
  char *rest; /* what is left of the block that small pieces are taken from */
  size_t room;
};

struct vl_arena *
vl_arena_new (void)
{
  return VL_NEW (struct vl_arena);
}

void
vl_arena_free (struct vl_arena *arena)
{
  struct block *next;

  if (arena == NULL)
    return;
  for (struct block *block = arena->blocks; block; block = next) {
    next = block->next;
    free (block);
  }
  free (arena);
}

static void *
new_block (struct vl_arena *arena, size_t size)
{
  struct block *block = checked (malloc (sizeof *block + size));

  block->next = arena->blocks;
  arena->blocks = block;
  return block->data;
}

/* As vl_arena_alloc, of memory that holds anything: zeroing blocks as a whole would
 * drive what is in use out of the processor's cache. */
static void *
take (struct vl_arena *arena, size_t size)
{
  char *piece;

  if (size > SIZE_MAX / 2)
    vl_oom ();
  size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  if (size > arena->room) {
    /* What is large has a block of its own; what is left of the other one is not given up. */
    if (size > BLOCK_SIZE / 4)
      return new_block (arena, size);
    arena->rest = new_block (arena, BLOCK_SIZE);
    arena->room = BLOCK_SIZE;
  }
  piece = arena->rest;
  arena->rest += size;
  arena->room -= size;
  return piece;
}

void *
vl_arena_alloc (struct vl_arena *arena, size_t size)
{
  return memset (take (arena, size), 0, size);
}

void *
vl_arena_copy (struct vl_arena *arena, const void *data, size_t size)
{
  return memcpy (take (arena, size), data, size);
}

char *
vl_arena_strndup (struct vl_arena *arena, const char *text, size_t n)
{
  char *copy = memcpy (take (arena, n + 1), text, n);

  copy[n] = '\0';
  return copy;
}

char *
vl_arena_strdup (struct vl_arena *arena, const char *text)
{
  return text ? vl_arena_copy (arena, text, strlen (text) + 1) : NULL;
}

char *
vl_decimal (char buffer[24], int64_t value)
{
  uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
  char *text = buffer + 23;

  *text = '\0';
  do
    *--text = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (value < 0)
    *--text = '-';
  return text;
}

/* Nearly all that is put together is of plain text, "%s" and "%d" (or "%ld", "%lld"): no
 * library is needed for that.  The length of TEXT, which is less than ROOM; -1 where FMT
 * or that is more. */
static int
join_texts (char *text, size_t room, const char *fmt, va_list args)
{
  size_t n = 0;

  for (;;) {
    size_t length = (size_t)(strchrnul (fmt, '%') - fmt);
    const char *piece = fmt;
    char buffer[24];

    fmt += length;
    if (length == 0 && *fmt == '%') {
      size_t longs = fmt[1] != 'l' ? 0 : fmt[2] != 'l' ? 1 : 2;

      fmt += 1 + longs;
      if (*fmt == 's' && longs == 0)
        piece = va_arg (args, const char *);
      else if (*fmt == 'd')
        piece = vl_decimal (buffer, longs == 0   ? va_arg (args, int)
                                    : longs == 1 ? va_arg (args, long)
                                                 : va_arg (args, long long));
      else
        return -1;
      fmt++;
      length = piece ? strlen (piece) : room;
    }
    if (length >= room - n)
      return -1;
    memcpy (text + n, piece, length);
    n += length;
    if (*fmt == '\0')
      break;
  }
  text[n] = '\0';
  return (int)n;
}

/* The text is written where it stays, and taken once its length is known. */
char *
vl_arena_vprintf (struct vl_arena *arena, const char *fmt, va_list args)
{
  va_list again;
  char *text;
  int n;

  va_copy (again, args);
  n = join_texts (arena->rest, arena->room, fmt, again);
  va_end (again);
  if (n >= 0)
    return take (arena, (size_t)n + 1);
  va_copy (again, args);
  n = vsnprintf (arena->rest, arena->room, fmt, again);
  va_end (again);
  if (n < 0)
    vl_oom ();
  if ((size_t)n < arena->room)
    return take (arena, (size_t)n + 1);
  text = take (arena, (size_t)n + 1);
  vsnprintf (text, (size_t)n + 1, fmt, args);
  return text;
}

char *
vl_arena_printf (struct vl_arena *arena, const char *fmt, ...)
{
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_arena_vprintf (arena, fmt, args);
  va_end (args);
  return text;
}

/* ---- growing text ---- */

void
vl_str_reserve (struct vl_str *str, size_t n)
{
  size_t needed;

  if (n > SIZE_MAX / 2 - str->length)
    vl_oom ();
  needed = str->length + n + 1;
  if (needed > str->size) {
    str->size = needed < 2 * str->size ? 2 * str->size : needed + 64;
    str->text = vl_xrealloc (str->text, str->size, 1);
  }
}

void
vl_str_add (struct vl_str *str, const char *text)
{
  vl_str_add_n (str, text, strlen (text));
}

void
vl_str_printf (struct vl_str *str, const char *fmt, ...)
{
  size_t room = 64, n = 0;

  /* Once more where it turns out to be longer. */
  do {
    va_list args;
    int length;

    room = n > room ? n : room;
    vl_str_reserve (str, room);
    va_start (args, fmt);
    length = vsnprintf (str->text + str->length, room + 1, fmt, args);
    va_end (args);
    if (length < 0)
      vl_oom ();
    n = (size_t)length;
  } while (n > room);
  str->length += n;
}

void
vl_str_free (struct vl_str *str)
{
  vl_cleanup_free (&str->text);
  memset (str, 0, sizeof *str);
}

/* ---- list of texts ---- */

void
vl_strv_add (struct vl_strv *list, const char *text)
{
  VL_GROW (list->items, list->n, list->size);
  list->items[list->n++] = vl_xstrdup (text);
}

void
vl_strv_split (struct vl_strv *list, const char *text, const char *between)
{
  VL_AUTOFREE char *copy = vl_xstrdup (text);
  char *state = NULL;

  for (char *item = strtok_r (copy, between, &state); item; item = strtok_r (NULL, between, &state))
    vl_strv_add (list, item);
}

static int
compare_text (const void *a, const void *b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

void
vl_strv_sort (struct vl_strv *list)
{
  if (list->n > 1)
    qsort (list->items, list->n, sizeof *list->items, compare_text);
}

int
vl_strv_has (const struct vl_strv *list, const char *text)
{
  for (size_t i = 0; i < list->n; i++)
    if (VL_STREQ (list->items[i], text))
      return 1;
  return 0;
}

void
vl_strv_free (struct vl_strv *list)
{
  for (size_t i = 0; i < list->n; i++)
    free (list->items[i]);
  vl_cleanup_free (&list->items);
  memset (list, 0, sizeof *list);
}

char *
vl_strv_join (const struct vl_strv *list, const char *between)
{
  struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < list->n; i++) {
    if (i)
      vl_str_add (&text, between);
    vl_str_add (&text, list->items[i]);
  }
  return text.text;
}
