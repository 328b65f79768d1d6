/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Secrets: that there is one, and for what, as a link in STATE/fake/secrets.  The bytes
 * themselves are kept nowhere. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

/* "TYPE USAGE" of the secret, or NULL with errno. */
static const char *
usage_of (struct vl_call *call, const char *path)
{
  char text[PATH_MAX];
  ssize_t n = readlink (path, text, sizeof text - 1);

  return n < 0 ? NULL : vl_printf (call, "%.*s", (int)n, text);
}

static int
failed (struct vl_call *call, const char *what, const char *path)
{
  return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot %s '%s': %s", what, path,
                    strerror (errno));
}

static int
keep (struct vl_call *call, const char *path, const struct vl_secret *secret)
{
  const char *usage = vl_printf (call, "%s %s", secret->type, secret->usage);
  const char *old = usage_of (call, path);

  if (old && strcmp (old, usage) == 0)
    return 1;
  if (old)
    return vl_refuse_as (call, VL_ERR_FAILED, "SecretExists", NULL, NULL,
                         "secret '%s' is kept already for another use ('%s'); it is left as it is",
                         secret->uuid, old);
  return symlink (usage, path) < 0 ? failed (call, "make", path) : 0;
}

static int
fake_secret_put (struct vl_call *call, struct vl_conn *conn, const struct vl_secret *secret)
{
  const char *path = fake_secret_path (call, conn, secret->uuid);
  int lock = path ? fake_begin (call, conn, "secret_put", secret->uuid) : -1;

  return lock < 0
             ? -1
             : fake_end (call, conn, lock, "secret_put", secret->uuid, keep (call, path, secret));
}

static int
fake_secret_has (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  const char *path = fake_secret_path (call, conn, uuid);

  if (path == NULL || fake_pass (call, conn, "secret_has") < 0)
    return -1;
  if (usage_of (call, path))
    return 1;
  return errno == ENOENT ? 0 : failed (call, "read", path);
}

static int
fake_secret_drop (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  const char *path = fake_secret_path (call, conn, uuid);
  int lock = path ? fake_begin (call, conn, "secret_drop", uuid) : -1, answer = 0;

  if (lock < 0)
    return -1;
  if (unlink (path) < 0 && errno != ENOENT)
    answer = failed (call, "remove", path);
  return fake_end (call, conn, lock, "secret_drop", uuid, answer);
}

const struct vl_secrets_calls fake_secrets = {
  .size = sizeof fake_secrets,
  .put = fake_secret_put,
  .has = fake_secret_has,
  .drop = fake_secret_drop,
};
