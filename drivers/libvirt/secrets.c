/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Secrets that libvirt keeps.  One that has a value is never given another: a TPM's state
 * that was encrypted with the first would be lost without a word. */

#include <config.h>

#include <string.h>

#include "virt.h"

#define NO_SECRETS "libvirt's embedded driver starts no guest that needs a libvirt secret"
#define SECRETS_HINT "set connection_uri = qemu:///system in plugins.d/qemu-tcg.conf"

static const struct {
  const char *name, *element;
  int type;
} types[] = {
  { "vtpm", "name", VIR_SECRET_USAGE_TYPE_VTPM },
  { "ceph", "name", VIR_SECRET_USAGE_TYPE_CEPH },
  { "tls", "name", VIR_SECRET_USAGE_TYPE_TLS },
  { "volume", "volume", VIR_SECRET_USAGE_TYPE_VOLUME },
  { "iscsi", "target", VIR_SECRET_USAGE_TYPE_ISCSI },
};
#define N_TYPES (sizeof types / sizeof types[0])

static void
cleanup_secret (virSecretPtr *secret)
{
  if (*secret)
    virSecretFree (*secret);
}
#define AUTOSECRET __attribute__ ((cleanup (cleanup_secret)))

/* *SECRET is NULL and the answer 0 where there is none. */
static int
look (struct vl_call *call, struct vl_conn *conn, const char *uuid, virSecretPtr *secret)
{
  *secret = virSecretLookupByUUIDString (conn->virt, uuid);
  if (*secret == NULL && virt_last_code () != VIR_ERR_NO_SECRET)
    return virt_error (call, "cannot look up secret '%s'", uuid);
  virResetLastError ();
  return 0;
}

/* 1: the secret has a value, 0: it has none, -1 after a finding.  libvirt does not say of a
 * private one; ours are made private once they have their value. */
static int
has_value (struct vl_call *call, virSecretPtr secret, const char *uuid)
{
  size_t length = 0;
  unsigned char *bytes = virSecretGetValue (secret, &length, 0);
  int code = bytes ? 0 : virt_last_code ();

  if (bytes) {
    explicit_bzero (bytes, length);
    free (bytes);
    return 1;
  }
  if (code != VIR_ERR_INVALID_SECRET && code != VIR_ERR_NO_SECRET)
    return virt_error (call, "cannot ask whether secret '%s' has a value", uuid);
  virResetLastError ();
  return code == VIR_ERR_INVALID_SECRET;
}

const char *
virt_escaped (struct vl_call *call, const char *text)
{
  const char *all = "";

  for (size_t n; *text; text += n + (text[n] != '\0')) {
    n = strcspn (text, "<>&'");
    all = vl_printf (call, "%s%.*s%s", all, (int)n, text,
                     text[n] == '<'    ? "&lt;"
                     : text[n] == '>'  ? "&gt;"
                     : text[n] == '\'' ? "&apos;"
                     : text[n]         ? "&amp;"
                                       : "");
  }
  return all;
}

static virSecretPtr
define (struct vl_call *call, struct vl_conn *conn, const struct vl_secret *secret, size_t type,
        int private)
{
  const char *xml = vl_printf (
      call,
      "<secret ephemeral='no' private='%s'><uuid>%s</uuid><description>%s</description>"
      "<usage type='%s'><%s>%s</%s></usage></secret>",
      private ? "yes" : "no", virt_escaped (call, secret->uuid),
      virt_escaped (call, secret->description ? secret->description : ""), types[type].name,
      types[type].element, virt_escaped (call, secret->usage), types[type].element);
  virSecretPtr made = virSecretDefineXML (conn->virt, xml, 0);

  if (made == NULL)
    virt_error (call, "libvirt does not keep secret '%s'", secret->uuid);
  return made;
}

/* A secret that is there already: 1 where its value stays, 0 where it has none yet. */
static int
judge_old (struct vl_call *call, virSecretPtr old, const struct vl_secret *secret, size_t type)
{
  const char *usage = virSecretGetUsageID (old);

  if (virSecretGetUsageType (old) != types[type].type || usage == NULL
      || strcmp (usage, secret->usage) != 0)
    return vl_refuse_as (
        call, VL_ERR_FAILED, "SecretExists", NULL, NULL,
        "libvirt keeps secret '%s' already for another use ('%s'); it is left as it is",
        secret->uuid, usage ? usage : "none");
  return has_value (call, old, secret->uuid);
}

/* Until it has its value a secret is not private, so that one that was left half made is
 * known from one that is complete. */
static int
put_secret (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_secret *secret = job->more;
  AUTOSECRET virSecretPtr old = NULL;
  AUTOSECRET virSecretPtr made = NULL;
  AUTOSECRET virSecretPtr hidden = NULL;
  size_t type = 0;
  int found;

  (void)answer;
  while (type < N_TYPES && strcmp (types[type].name, secret->type) != 0)
    type++;
  if (type == N_TYPES || secret->length == 0)
    return vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "libvirt keeps no secret of %u bytes for '%s'; accepted: at least one byte, "
                      "for vtpm, ceph, tls, volume or iscsi",
                      secret->length, secret->type);
  if (look (call, conn, secret->uuid, &old) < 0)
    return -1;
  found = old ? judge_old (call, old, secret, type) : 0;
  if (found != 0)
    return found;
  made = old ? NULL : define (call, conn, secret, type, 0);
  if (old == NULL && made == NULL)
    return -1;
  if (virSecretSetValue (old ? old : made, secret->bytes, secret->length, 0) < 0) {
    virt_error (call, "libvirt does not keep the value of secret '%s'", secret->uuid);
    if (made && virSecretUndefine (made) < 0)
      virt_warning (call, "cannot remove secret '%s', which has no value", secret->uuid);
    return -1;
  }
  hidden = define (call, conn, secret, type, 1);
  return hidden ? 0 : -1;
}

static int
has_secret (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const char *uuid = job->more;
  AUTOSECRET virSecretPtr secret = NULL;

  (void)answer;
  if (look (call, conn, uuid, &secret) < 0)
    return -1;
  return secret ? has_value (call, secret, uuid) : 0;
}

static int
drop_secret (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const char *uuid = job->more;
  AUTOSECRET virSecretPtr secret = NULL;

  (void)answer;
  if (look (call, conn, uuid, &secret) < 0)
    return -1;
  if (secret && virSecretUndefine (secret) < 0 && virt_last_code () != VIR_ERR_NO_SECRET)
    return virt_error (call, "cannot remove secret '%s'", uuid);
  virResetLastError ();
  return 0;
}

static int
virt_secret_put (struct vl_call *call, struct vl_conn *conn, const struct vl_secret *secret)
{
  struct virt_job job = { .more = secret, .work_ms = VIRT_QUICK_MS };

  return conn->embedded ? vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, SECRETS_HINT, NO_SECRETS)
                        : virt_do (call, conn, put_secret, &job);
}

static int
virt_secret_has (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .more = uuid, .work_ms = VIRT_QUICK_MS };

  return conn->embedded ? 0 : virt_do (call, conn, has_secret, &job);
}

static int
virt_secret_drop (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .more = uuid, .work_ms = VIRT_QUICK_MS };

  return conn->embedded ? 0 : virt_do (call, conn, drop_secret, &job);
}

const struct vl_secrets_calls virt_secrets_calls = {
  .size = sizeof (struct vl_secrets_calls),
  .put = virt_secret_put,
  .has = virt_secret_has,
  .drop = virt_secret_drop,
};
