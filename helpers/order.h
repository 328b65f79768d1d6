/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-rbd: the one program that links Ceph's libraries.  It reads one order, a JSON
 * object, from standard input, and says one answer, a JSON object, on standard output:
 * what came of it and "done", or members "error", a word, and "text", a sentence's end; "begun" where
 * something may have been made. */

#ifndef VL_HELPERS_ORDER_H
#define VL_HELPERS_ORDER_H

#include <stdint.h>

#include <jansson.h>
#include <rados/librados.h>
#include <rbd/librbd.h>

/* What is about to be done, and with what. */
struct order {
  json_t *json, *answer;
  const char *pool, *image; /* of the disk */
  const char *made_as;      /* how the image is called until it is whole; proof of whose it is */
  const char *token;        /* what its metadata say afterwards, for the same */
  int data;                 /* descriptor of a file that is read or written, or -1 */
  int64_t bytes;
  rados_t cluster;
  rados_ioctx_t io;
};

/* Answers with error WORD and the text; -1. */
int order_fail (struct order *order, const char *word, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* The same where a call that did WHAT answered ERROR, below 0. */
int order_failed (struct order *order, const char *what, int error);
/* A text or a number of the order; NULL or OTHERWISE where it has none. */
const char *order_text (const struct order *order, const char *key);
int64_t order_number (const struct order *order, const char *key, int64_t otherwise);
/* Logs in and opens the pool, or POOL where that is not NULL.  0 or -1. */
int order_connect (struct order *order);
int order_pool (struct order *order, const char *pool, rados_ioctx_t *io);

/* The orders: 0, or -1 after order_fail. */
int order_make (struct order *order);
int order_grow (struct order *order);
int order_checkpoint (struct order *order);
int order_rollback (struct order *order);
int order_commit (struct order *order);
int order_drop (struct order *order);
int order_export (struct order *order);
int order_look (struct order *order);
int order_use (struct order *order);
/* rbd-bytes.c: all of the file is written to IMAGE, and the other way round. */
int order_put_bytes (struct order *order, rbd_image_t image);
int order_get_bytes (struct order *order, rbd_image_t image);

#endif
