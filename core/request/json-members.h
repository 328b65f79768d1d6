/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading and writing JSON objects by tables: which members there are, of what type,
 * and where in a struct they go.  All problems are found in one run. */

#ifndef VL_CORE_JSON_MEMBERS_H
#define VL_CORE_JSON_MEMBERS_H

#include "request/request.h"

#include <jansson.h>

/* One reading of a request. */
struct vl_reader {
  struct vl_call *call;
  struct vl_arena *arena; /* the request's: what is kept goes here */
  const char *origin;
  int bad;
};

enum vl_member_kind {
  VL_MEMBER_OTHER, /* known; the caller reads it */
  VL_MEMBER_TEXT,
  VL_MEMBER_NUMBER,
  VL_MEMBER_BOOL,
  VL_MEMBER_IDLE, /* Nova's, without effect on a guest: a warning */
};

struct vl_member {
  const char *name;
  enum vl_member_kind kind;
  int required;
  size_t offset;                         /* of a const char *, an int64_t or an int */
  int64_t min, max;                      /* numbers */
  const char *(*problem) (const char *); /* texts: what is wrong, or NULL */
  const char *code;                      /* of a bad value, NULL: InvalidRequest */
};
#define VL_TEXT_MEMBER(type, member, check)                                                        \
  {                                                                                                \
    .name = #member, .kind = VL_MEMBER_TEXT, .offset = offsetof (type, member), .problem = (check) \
  }

/* Records an error at JSON path PATH; CODE NULL: InvalidRequest.  Answers -1. */
int vl_reader_refuse (struct vl_reader *r, const char *code, const char *path, const char *hint,
                      const char *fmt, ...) VL_PRINTF (5, 6);
/* PATH with ".NAME" or "['NAME']"; memory of the request. */
const char *vl_json_path (struct vl_reader *r, const char *path, const char *name);
/* "a number", "text" ...: what VALUE is. */
const char *vl_json_kind (const json_t *value);

/* Fills INTO from OBJECT, the value at PATH; whatever is no object, or has a
 * member that the table has not, is refused.  null is as if it were not there. */
void vl_members_read (struct vl_reader *r, const json_t *object, const char *path,
                      const struct vl_member *members, size_t n, void *into);
/* An object of what FROM has in these members; what has its default (0, NULL) is left
 * out. */
json_t *vl_members_write (const struct vl_member *members, size_t n, const void *from);
/* A text at PATH in memory of the request, NULL after an error or for null. */
const char *vl_text_read (struct vl_reader *r, const json_t *value, const char *path,
                          const char *(*problem) (const char *), const char *code);

/* json-parts.c: what a request has lists of.  PATH is that of VALUE, which may be
 * NULL; what is written is NULL where there is nothing. */
void vl_networks_read (struct vl_reader *r, const json_t *value, struct vl_request *request);
json_t *vl_networks_write (const struct vl_request *request);
void vl_devices_read (struct vl_reader *r, const json_t *value, struct vl_request *request);
json_t *vl_devices_write (const struct vl_request *request);
void vl_metadata_read (struct vl_reader *r, const json_t *value, struct vl_request *request);
json_t *vl_metadata_write (const struct vl_request *request);
void vl_macs_read (struct vl_reader *r, const json_t *value, struct vl_request *request);
/* Adds the properties in VALUE to the entries of REQUEST, sorted by key. */
void vl_entries_read (struct vl_reader *r, const json_t *value, const char *path,
                      enum vl_layer layer, struct vl_request *request);
/* Those of the N ENTRIES that are of LAYER. */
json_t *vl_entries_write (const struct vl_entry *entries, size_t n, enum vl_layer layer);

#endif
