/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading and writing JSON objects by tables: which members there are, of what kind,
 * and where in a struct they go.  All problems are found in one run. */

#ifndef VL_CORE_JSON_MEMBERS_H
#define VL_CORE_JSON_MEMBERS_H

#include "request/request.h"

#include <jansson.h>

#define VL_MOST_MTU 65535

/* One reading of a request. */
struct vl_reader {
  struct vl_call *call;
  struct vl_arena *arena; /* the request's: what is kept goes here */
  const char *origin;
  int bad;
};

enum vl_member_kind {
  VL_MEMBER_OTHER,  /* known; the caller reads and writes it */
  VL_MEMBER_TEXT,   /* const char * */
  VL_MEMBER_NUMBER, /* int64_t */
  VL_MEMBER_INT,    /* int32_t */
  VL_MEMBER_BOOL,   /* int */
  VL_MEMBER_PLACE,  /* int64_t in the boot order, or Nova's other spellings; -1: none */
  VL_MEMBER_JSON,   /* const char *: an object, as its text */
  VL_MEMBER_IDLE,   /* Nova's, without effect on a guest: a warning */
  /* These are read after the others. */
  VL_MEMBER_ENTRIES, /* text by key, added to a list of struct vl_entry, sorted by key */
  VL_MEMBER_OBJECT,  /* members of the same struct */
  VL_MEMBER_LIST,    /* of structs */
};

struct vl_members;

struct vl_member {
  const char *name;
  enum vl_member_kind kind;
  int required;
  size_t offset;
  size_t count;     /* of the size_t that counts a list; of an object's int, 1: is given; 0: none */
  int64_t min, max; /* numbers */
  const char *(*problem) (const char *); /* texts: what is wrong, or NULL */
  const char *among, *what;              /* or those accepted, with blanks between, of what */
  int lower;                             /* kept in small letters */
  const char *code;                      /* of a bad value, NULL: InvalidRequest */
  enum vl_layer layer;                   /* of entries */
  const struct vl_members *of;           /* objects and items */
};

/* The members of one kind of object; of items of a list their size too, and CHECK, or
 * NULL, which judges item I of LIST, made of OBJECT at PATH. */
struct vl_members {
  const struct vl_member *rows;
  size_t n, size;
  void (*check) (struct vl_reader *r, const json_t *object, const char *path, const void *list,
                 size_t i);
  size_t most; /* items of a list that are taken; 0: 256 */
};

/* Records an error at JSON path PATH; CODE NULL: InvalidRequest.  Answers -1. */
int vl_reader_refuse (struct vl_reader *r, const char *code, const char *path, const char *hint,
                      const char *fmt, ...) VL_PRINTF (5, 6);
/* TEXT of LENGTH bytes, at most MOST, as JSON that is not nested deeper than 32 and in which no object has
 * a member twice; for json_decref.  NULL after an error. */
json_t *vl_reader_parse (struct vl_reader *r, const char *text, size_t length, size_t most);
/* Fills INTO from OBJECT, the value at PATH; whatever is no object, or has a
 * member that the table has not, is refused.  null is as if it were not there. */
void vl_members_read (struct vl_reader *r, const json_t *object, const char *path,
                      const struct vl_members *members, void *into);
/* An object of what FROM has in these members; what has its default is left out. */
json_t *vl_members_write (const struct vl_members *members, const void *from);
/* A text at PATH by MEMBER in memory of the request, NULL after an error or for null. */
const char *vl_text_read (struct vl_reader *r, const json_t *value, const char *path,
                          const struct vl_member *member);
/* How many items VALUE at PATH has; 0 where it is NULL or null, and after an error. */
size_t vl_list_size (struct vl_reader *r, const json_t *value, const char *path);

/* Nova's VIF objects among the networks of REQUEST become what a request's networks are: their
 * ids, and what is in `network`.  What Nova keeps for itself is left out. */
void vl_vifs_translate (struct vl_reader *r, json_t *request);

#endif
