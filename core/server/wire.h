/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What two hosts say to each other about a server that moves: JSON objects, one in a line, over a
 * command that the operator sets (migration_transport).  Internal to core/server. */

#ifndef VL_SERVER_WIRE_H
#define VL_SERVER_WIRE_H

#include "server/session.h"

#include <jansson.h>
#include <sys/types.h>

/* The versions of what is said that this virtloom speaks. */
#define VL_WIRE_OLDEST 1
#define VL_WIRE_NEWEST 1
/* How many differences of a document one host tells another. */
#define VL_WIRE_CHANGES 1000
/* A line has at most so many bytes: a record, and what is said with it. */
#define VL_WIRE_BYTES (((size_t)4 << 20) + ((size_t)64 << 10))

struct vl_wire {
  struct vl_app *app;
  const char *host; /* the other one, as findings name it */
  int in, out;      /* -1: none */
  int said;         /* what the command writes to stderr, or -1 */
  pid_t pid;        /* of the command, or 0 */
  char *text;       /* that has come and was not read, */
  size_t n, size;   /* N bytes of SIZE */
};
#define VL_WIRE_NONE                                                                               \
  {                                                                                                \
    .in = -1, .out = -1, .said = -1                                                                \
  }
#define VL_AUTOWIRE __attribute__ ((cleanup (vl_wire_end)))

/* Is HOST what a host can be called?  0, or -1 after InvalidHostname. */
int vl_wire_judge_host (struct vl_call *call, const char *host);
/* Runs migration_transport with HOST, a name of a host that is judged, and agrees on a version with what
 * answers.  0, or -1 after findings.  vl_wire_end in either case. */
int vl_wire_begin (struct vl_app *app, const char *host, struct vl_wire *wire);
/* What comes within SECONDS, for json_decref: an object.  NULL after a finding; with ENDED, which becomes
 * 1 then, without one where nothing more comes. */
json_t *vl_wire_read (struct vl_wire *wire, unsigned seconds, int *ended);
/* Sends OBJECT, which is taken.  0, or -1 after a finding. */
int vl_wire_write (struct vl_wire *wire, json_t *object);
/* Sends OBJECT, which is taken, and waits SECONDS for the answer, whose findings become the application's.
 * 0, -1 where that is refused; -2 where nobody knows: there is no answer. *ANSWER is for json_decref. */
#define VL_WIRE_LOST (-2)
int vl_wire_ask (struct vl_wire *wire, json_t *object, unsigned seconds, json_t **answer);
/* The findings of APP from number FIRST on, as a list. */
json_t *vl_wire_findings (struct vl_app *app, size_t first);
void vl_wire_end (struct vl_wire *wire);

#endif
