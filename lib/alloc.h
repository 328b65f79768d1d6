/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory: checked allocation, cleanup attributes, an arena, a growing text.
 * Running out of memory ends the process with a message (vl_oom); whatever was
 * under way is found again from the undo log.  Callers never see NULL. */

#ifndef VL_LIB_ALLOC_H
#define VL_LIB_ALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void vl_oom (void) __attribute__ ((noreturn));
void *vl_xcalloc (size_t n, size_t size);
void *vl_xrealloc (void *p, size_t n, size_t size);
char *vl_xstrdup (const char *text);
char *vl_xstrndup (const char *text, size_t n);
char *vl_xvasprintf (const char *fmt, va_list args) __attribute__ ((format (printf, 1, 0)));
char *vl_xasprintf (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

#define VL_NEW(type) ((type *)vl_xcalloc (1, sizeof (type)))
/* Makes room for one more element in ARRAY, which holds N of room for CAP. */
#define VL_GROW(array, n, cap)                                                                     \
  do {                                                                                             \
    if ((n) == (cap)) {                                                                            \
      (cap) = (cap) ? 2 * (cap) : 8;                                                               \
      (array) = vl_xrealloc ((array), (cap), sizeof *(array));                                     \
    }                                                                                              \
  } while (0)

/* Most texts that differ do so in their first byte. */
static inline int
VL_STREQ (const char *a, const char *b)
{
  return *a == *b && strcmp (a, b) == 0;
}
#define VL_STARTS(text, prefix) (strncmp ((text), (prefix), strlen (prefix)) == 0)
static inline int
VL_ENDS (const char *text, const char *suffix)
{
  size_t n = strlen (text), m = strlen (suffix);

  return n >= m && strcmp (text + n - m, suffix) == 0;
}

void vl_cleanup_free (void *pp);
void vl_cleanup_fclose (void *pp);
void vl_cleanup_close (int *fd);
#define VL_AUTOFREE __attribute__ ((cleanup (vl_cleanup_free)))
#define VL_AUTOFCLOSE __attribute__ ((cleanup (vl_cleanup_fclose)))
#define VL_AUTOCLOSE __attribute__ ((cleanup (vl_cleanup_close)))

/* Hands a pointer over: answers P and leaves NULL behind. */
#define VL_STEAL(p)                                                                                \
  __extension__({                                                                                  \
    __typeof__ (p) stolen_ = (p);                                                                  \
    (p) = NULL;                                                                                    \
    stolen_;                                                                                       \
  })

/* An arena: many allocations, one free. */
struct vl_arena;
struct vl_arena *vl_arena_new (void);
void vl_arena_free (struct vl_arena *arena);
void *vl_arena_alloc (struct vl_arena *arena, size_t size); /* zeroed, aligned for any type */
void *vl_arena_copy (struct vl_arena *arena, const void *data, size_t size);
/* VALUE in decimal; the answer is in BUFFER. */
char *vl_decimal (char buffer[24], int64_t value);
char *vl_arena_strdup (struct vl_arena *arena, const char *text); /* NULL stays NULL */
char *vl_arena_strndup (struct vl_arena *arena, const char *text, size_t n);
char *vl_arena_printf (struct vl_arena *arena, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
char *vl_arena_vprintf (struct vl_arena *arena, const char *fmt, va_list args)
    __attribute__ ((format (printf, 2, 0)));

/* A growing text.  Zero-initialise; vl_str_free or steal TEXT when done. */
struct vl_str {
  char *text;
  size_t length, size;
};
#define VL_AUTOSTR __attribute__ ((cleanup (vl_str_free)))
/* Makes room for N more bytes and the end of the text. */
void vl_str_reserve (struct vl_str *str, size_t n);
/* Makes the text N bytes longer; the answer is where they are, which the caller writes. */
static inline char *
vl_str_room (struct vl_str *str, size_t n)
{
  if (str->size <= str->length || n >= str->size - str->length)
    vl_str_reserve (str, n);
  str->length += n;
  str->text[str->length] = '\0';
  return str->text + str->length - n;
}
static inline void
vl_str_add_n (struct vl_str *str, const char *text, size_t n)
{
  char *to = vl_str_room (str, n);

  if (n)
    memcpy (to, text, n);
}
void vl_str_add (struct vl_str *str, const char *text);
void vl_str_printf (struct vl_str *str, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
void vl_str_free (struct vl_str *str);

/* A list of texts, owned.  Zero-initialise. */
struct vl_strv {
  char **items;
  size_t n, size;
};
#define VL_AUTOSTRV __attribute__ ((cleanup (vl_strv_free)))
void vl_strv_add (struct vl_strv *list, const char *text);
/* Adds what is in TEXT between the bytes of BETWEEN, nothing for empty pieces. */
void vl_strv_split (struct vl_strv *list, const char *text, const char *between);
void vl_strv_sort (struct vl_strv *list); /* byte order */
int vl_strv_has (const struct vl_strv *list, const char *text);
void vl_strv_free (struct vl_strv *list);
/* "a, b, c"; the caller frees. */
char *vl_strv_join (const struct vl_strv *list, const char *between);

#endif
