/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-rbd: reads the order, logs in, answers.  Whoever runs it ends it at a deadline,
 * since a call of librbd cannot be broken off. */

#include <config.h>

#include "helpers/order.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says what came of it.  Ending the session in good order would wait for the cluster, which need not
 * answer. */
static void __attribute__ ((noreturn)) answer (const struct order *order)
{
  if (json_object_get (order->answer, "error") == NULL)
    json_object_set_new (order->answer, "done", json_true ());
  json_dumpf (order->answer, stdout, JSON_COMPACT);
  fflush (stdout);
  _Exit (0);
}

int
order_fail (struct order *order, const char *word, const char *fmt, ...)
{
  char text[1024];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  /* What went wrong first is the reason of the rest. */
  if (json_object_get (order->answer, "error") == NULL) {
    json_object_set_new (order->answer, "error", json_string (word));
    json_object_set_new (order->answer, "text", json_string (text));
  }
  /* Each further question would wait as long once more. */
  if (strcmp (word, "late") == 0)
    answer (order);
  return -1;
}

int
order_failed (struct order *order, const char *what, int error)
{
  const char *word = error == -ENOSPC || error == -EDQUOT  ? "full"
                     : error == -ETIMEDOUT                 ? "late"
                     : error == -EPERM || error == -EACCES ? "denied"
                     : error == -ENOENT                    ? "gone"
                                                           : "failed";

  return order_fail (order, word, "%s: %s", what, strerror (-error));
}

const char *
order_text (const struct order *order, const char *key)
{
  return json_string_value (json_object_get (order->json, key));
}

int64_t
order_number (const struct order *order, const char *key, int64_t otherwise)
{
  const json_t *value = json_object_get (order->json, key);

  return json_is_integer (value) ? (int64_t)json_integer_value (value) : otherwise;
}

/* ---- logging in ---- */

static int
set_conf (struct order *order, const char *key, const char *value)
{
  int error = rados_conf_set (order->cluster, key, value);

  return error < 0 ? order_failed (order, key, error) : 0;
}

/* The order's keys, none of which ceph.conf says better: nothing is written beside the answer, and
 * every wait ends. */
static int
set_limits (struct order *order)
{
  static const char *const silent[][2] = {
    { "log_file", "" },
    { "log_to_stderr", "false" },
    { "err_to_stderr", "false" },
    { "admin_socket", "" },
    { "log_to_syslog", "false" },
    { "mon_cluster_log_to_file", "false" },
    { "run_dir", "/proc" },
    /* What is written behind our back is tried again for ever. */
    { "rbd_cache", "false" },
    { "rbd_skip_partial_discard", "true" },
  };
  char text[32];

  for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
    if (set_conf (order, silent[i][0], silent[i][1]) < 0)
      return -1;
  snprintf (text, sizeof text, "%lld", (long long)order_number (order, "connect_timeout", 5));
  if (set_conf (order, "client_mount_timeout", text) < 0
      || set_conf (order, "rados_mon_op_timeout", text) < 0)
    return -1;
  snprintf (text, sizeof text, "%lld", (long long)order_number (order, "answer_timeout", 60));
  return set_conf (order, "rados_osd_op_timeout", text);
}

static int
read_conf (struct order *order)
{
  const char *user = order_text (order, "user"), *keyring = order_text (order, "keyring");
  const char *conf = order_text (order, "conf");
  char name[256];
  int error;

  snprintf (name, sizeof name, "client.%s", user ? user : "admin");
  error = rados_create2 (&order->cluster, "ceph", name, 0);
  if (error < 0)
    return order_failed (order, "librados does not begin", error);
  error = rados_conf_read_file (order->cluster, conf ? conf : "");
  if (error < 0)
    return order_fail (order, "conf", "%s", strerror (-error));
  if (keyring && set_conf (order, "keyring", keyring) < 0)
    return -1;
  return set_limits (order);
}

int
order_pool (struct order *order, const char *pool, rados_ioctx_t *io)
{
  int error = rados_ioctx_create (order->cluster, pool ? pool : "", io);

  if (error == -ENOENT)
    return order_fail (order, "pool", "%s", pool ? pool : "");
  if (error < 0)
    return order_failed (order, "the pool cannot be opened", error);
  /* Where the pool is full a write fails; else it waits until somebody makes room. */
  rados_set_pool_full_try (*io);
  return 0;
}

int
order_connect (struct order *order)
{
  const char *wanted = order_text (order, "fsid");
  char fsid[64] = "";
  int error;

  if (read_conf (order) < 0)
    return -1;
  error = rados_connect (order->cluster);
  if (error == -ENOENT)
    return order_fail (order, "keyring", "%s", strerror (ENOENT));
  if (error == -EACCES || error == -EPERM || error == -EINVAL || error == -EKEYREJECTED)
    return order_fail (order, "denied", "%s", strerror (-error));
  if (error < 0)
    return order_fail (order, "unreachable", "%s", strerror (-error));
  if (rados_cluster_fsid (order->cluster, fsid, sizeof fsid) > 0)
    json_object_set_new (order->answer, "fsid", json_string (fsid));
  if (wanted && strcmp (wanted, fsid) != 0)
    return order_fail (order, "elsewhere", "%s", fsid);
  return order_pool (order, order->pool, &order->io);
}

/* ---- the order ---- */

static int
obey (struct order *order)
{
  static const struct {
    const char *word;
    int (*fn) (struct order *);
  } orders[] = {
    { "make", order_make },         { "grow", order_grow },     { "checkpoint", order_checkpoint },
    { "rollback", order_rollback }, { "commit", order_commit }, { "remove", order_drop },
    { "export", order_export },     { "look", order_look },     { "use", order_use }
  };
  const char *word = order_text (order, "do");

  order->pool = order_text (order, "pool");
  order->image = order_text (order, "image");
  order->made_as = order_text (order, "made_as");
  order->token = order_text (order, "token");
  order->data = (int)order_number (order, "data", -1);
  order->bytes = order_number (order, "bytes", 0);
  for (size_t i = 0; word && i < sizeof orders / sizeof orders[0]; i++)
    if (strcmp (word, orders[i].word) == 0)
      return order_connect (order) < 0 ? -1 : orders[i].fn (order);
  return order_fail (order, "order", "'%s' is no order", word ? word : "");
}

int
main (void)
{
  struct order order = { .answer = json_object () };
  json_error_t error;

  order.json = json_loadf (stdin, JSON_REJECT_DUPLICATES, &error);
  if (json_is_object (order.json))
    (void)obey (&order);
  else
    order_fail (&order, "order", "standard input is no JSON object: %s", error.text);
  answer (&order);
}
