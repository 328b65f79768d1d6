/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rbd: what is done with disks in Ceph.  virtloom-rbd does it, which alone links librbd: it is given
 * an order in JSON, and is ended at a deadline.  A disk is made under a name with a token of ours in
 * it, which is written down before, and gets its own name when it is whole. */

#include <config.h>

#include "storage/rbd.h"

#include "storage/local.h"

#include "lib/alloc.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* What the program that is run is handed, in this order. */
#define CONF "/proc/self/fd/3"
#define KEYRING "/proc/self/fd/4"
/* Seconds that the cluster has to answer one question of many. */
#define ANSWER_TIMEOUT 30

/* One order for virtloom-rbd. */
struct order {
  struct vl_call *c;
  const char *pool, *image, *conf, *user, *keyring;
  const char *token, *more, *accepted;
  struct vl_tool_file files[3];
  uint32_t n_files;
  int64_t file_size;       /* that the last of the files may get, or 0 */
  int64_t connect;         /* seconds that the monitors are waited for */
  int64_t bytes;           /* that have to be moved */
  int64_t patience;        /* seconds that it may wait for others */
  struct vl_volume answer; /* to be read with vl_info */
};

/* ---- beginning ---- */

static int
refuse_missing (struct vl_call *c)
{
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "ToolMissing", NULL,
                       "apt-get install librbd-dev, then configure and make virtloom again",
                       "the program virtloom-rbd, which reaches Ceph, is not there: virtloom was "
                       "built without librbd");
}

/* About the image NAME ("pool/image"; NULL: the pool of new disks) in the cluster that CONF lets USER
 * into. */
static int
begin_as (struct order *o, struct vl_call *c, const char *name, const char *conf, const char *user)
{
  const char *slash = name ? strchr (name, '/') : NULL, *end;

  *o = (struct order) {
    .c = c, .conf = conf, .user = user, .connect = vl_int (c, "connect-timeout")
  };
  if (! vl_tool_there (c, RBD_TOOL))
    return refuse_missing (c);
  o->pool = slash ? vl_printf (c, "%.*s", (int)(slash - name), name) : vl_str (c, "pool");
  o->image = slash ? slash + 1 : "none";
  if (! rbd_is_name (o->pool) || ! rbd_is_name (o->image) || ! rbd_is_name (o->user))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "StorageFailed", NULL, NULL,
                         "\"%s\" of user '%s' is no disk in Ceph; accepted: POOL/IMAGE, of "
                         "A-Z a-z 0-9 _ . -",
                         name ? name : o->pool, o->user);
  if (access (o->conf, R_OK) < 0)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "StorageFailed", NULL,
                         "copy it from a host of the cluster, or set images_rbd_ceph_conf in "
                         "plugins.d/rbd.conf",
                         "cannot read \"%s\", which says where the Ceph cluster is: %s", o->conf,
                         strerror (errno));
  end = strrchr (o->conf, '/');
  o->keyring = vl_printf (c, "%.*s/ceph.client.%s.keyring", (int)(end - o->conf), o->conf, o->user);
  o->files[o->n_files++] = (struct vl_tool_file) { .path = o->conf, .fd = -1 };
  /* A cluster without cephx has none. */
  o->files[o->n_files++] =
      (struct vl_tool_file) { .path = access (o->keyring, R_OK) == 0 ? o->keyring : o->conf,
                              .fd = -1 };
  return 0;
}

static int
begin (struct order *o, struct vl_call *c, const char *name)
{
  return begin_as (o, c, name, rbd_conf (c), rbd_user (c));
}

/* ---- judging ---- */

static const char *
watchers_of (const struct order *o)
{
  const char *list[16], *one;
  size_t n = 0;

  while (n < 16 && (one = vl_info (o->c, &o->answer, vl_printf (o->c, "watchers.%zu", n))))
    list[n++] = one;
  return n ? vl_join (o->c, ", ", list, n) : "a client that does not say where it is";
}

static int
refuse_login (const struct order *o, const char *text)
{
  return vl_refuse_as (o->c, VL_ERR_NOT_PERMITTED, "StorageFailed", NULL,
                       vl_printf (o->c, "compare the key in \"%s\" with: ceph auth get client.%s",
                                  o->keyring, o->user),
                       "the Ceph cluster of \"%s\" does not let client.%s in: %s", o->conf, o->user,
                       text);
}

/* Ceph says that WHAT fails with the word ERROR. */
static int
refuse (const struct order *o, const char *what, const char *error)
{
  const char *text = vl_info (o->c, &o->answer, "text");
  struct vl_call *c = o->c;

  text = text ? text : "";
  if (VL_STREQ (error, "unreachable"))
    return vl_refuse_as (
        c, VL_ERR_UNREACHABLE, "StorageFailed", NULL,
        vl_printf (c,
                   "ceph -c %s -s says whether it is up; rbd_connect_timeout is how long is waited",
                   o->conf),
        "no monitor of the Ceph cluster of \"%s\" answers within %lld s: %s", o->conf,
        (long long)o->connect, text);
  if (VL_STREQ (error, "denied") || VL_STREQ (error, "keyring"))
    return refuse_login (o, VL_STREQ (error, "keyring") ? "it has no key" : text);
  if (VL_STREQ (error, "pool"))
    return vl_refuse_as (c, VL_ERR_NOT_FOUND, "StorageFailed", NULL,
                         "ceph osd pool ls shows which there are; set images_rbd_pool in "
                         "plugins.d/rbd.conf",
                         "the Ceph cluster of \"%s\" has no pool '%s'", o->conf, text);
  if (VL_STREQ (error, "full"))
    return vl_refuse_as (
        c, VL_ERR_FAILED, "DiskFull", NULL,
        vl_printf (c, "make room in pool '%s', or raise its quota, then try again", o->pool),
        "cannot %s \"%s/%s\": pool '%s' is full (%s)", what, o->pool, o->image, o->pool, text);
  if (VL_STREQ (error, "late"))
    return vl_refuse_as (
        c, VL_ERR_UNREACHABLE, "StorageFailed", NULL,
        vl_printf (c, "ceph -c %s -s says what is wrong with it", o->conf),
        "cannot %s \"%s/%s\": the Ceph cluster lets in, but does not answer within "
        "%d s",
        what, o->pool, o->image, ANSWER_TIMEOUT);
  if (VL_STREQ (error, "elsewhere"))
    return vl_refuse_as (c, VL_ERR_REQUEST, "ImageUnacceptable", NULL,
                         "register it anew, with image create --rbd, where it is now",
                         "\"%s/%s\" is of another Ceph cluster than that of \"%s\", which is %s",
                         o->pool, o->image, o->conf, text);
  if (VL_STREQ (error, "gone"))
    return vl_refuse_as (c, VL_ERR_NOT_FOUND, "ImageNotFound", NULL,
                         vl_printf (c, "rbd -c %s ls -l %s shows what there is", o->conf, o->pool),
                         "cannot %s \"%s/%s\" in Ceph: %s", what, o->pool, o->image, text);
  if (VL_STREQ (error, "foreign"))
    return vl_refuse_as (
        c, VL_ERR_FAILED, "NotProven", NULL,
        vl_printf (c, "look at it with rbd info %s/%s, and remove or rename it", o->pool, o->image),
        "\"%s/%s\" in Ceph has not the mark of what this server made: it may be somebody else's, "
        "and stays",
        o->pool, o->image);
  if (VL_STREQ (error, "busy"))
    return vl_refuse_as (c, VL_ERR_FAILED, "StorageFailed", NULL,
                         "end what has it open; the next command tries again, and "
                         "rbd_destroy_volume_retries is how often each does",
                         "\"%s/%s\" is in use by %s, and is not removed", o->pool, o->image,
                         watchers_of (o));
  return vl_refuse_as (c, VL_ERR_FAILED, "StorageFailed", NULL,
                       vl_printf (c, "rbd -c %s info %s/%s shows it", o->conf, o->pool, o->image),
                       "cannot %s \"%s/%s\" in Ceph: %s", what, o->pool, o->image, text);
}

/* ---- running ---- */

static int
says (const struct order *o, const char *key)
{
  const char *text = vl_info (o->c, &o->answer, key);

  return text && VL_STREQ (text, "true");
}

/* Has virtloom-rbd do WORD, with the further members MORE; WHAT says it in a sentence.  0; -1 after
 * a refusal; 1 where Ceph's error is the one that is accepted. */
static int
run (struct order *o, const char *word, const char *what, const char *more)
{
  struct vl_call *c = o->c;
  int64_t time;
  static const char *const none[] = { NULL };
  struct vl_tool_result result = { .size = sizeof result };
  struct vl_tool tool = { .size = sizeof tool,
                          .name = RBD_TOOL,
                          .args = none,
                          .files = { o->files, o->n_files, sizeof o->files[0] },
                          .file_size = o->file_size };
  const char *error;

  /* 10 MB/s is slower than any cluster that can hold a guest; a day is enough. */
  time = 2 * o->connect + 3 * ANSWER_TIMEOUT + o->patience + o->bytes / 10000000;
  tool.deadline = (uint32_t)(time < 86400 ? time : 86400) * 1000;
  tool.input = vl_printf (
      c,
      "{\"do\": \"%s\", \"conf\": \"" CONF "\", \"user\": \"%s\", %s\"connect_timeout\": %" PRId64
      ", \"answer_timeout\": %d, \"pool\": \"%s\", \"image\": \"%s\", %s%s}",
      word, o->user,
      VL_STREQ (o->files[1].path, o->keyring) ? "\"keyring\": \"" KEYRING "\", " : "", o->connect,
      ANSWER_TIMEOUT, o->pool, o->image,
      o->token ? vl_printf (c, "\"token\": \"%s\", \"made_as\": \"new.%s.%s\"", o->token, o->image,
                            o->token)
               : "\"token\": null",
      more);
  tool.input_length = strlen (tool.input);
  if (vl_tool_run (c, &tool, &result) < 0)
    return -1;
  o->answer = (struct vl_volume) { .size = sizeof o->answer,
                                   .connection = result.out,
                                   .where = "the answer of virtloom-rbd" };
  error = vl_info (c, &o->answer, "error");
  /* An answer that is cut off says neither. */
  if (error == NULL && ! says (o, "done"))
    return vl_refuse_as (c, VL_ERR_FAILED, "ToolFailed", NULL, "install virtloom once more",
                         "the program virtloom-rbd did not say what came of it");
  if (error && o->accepted && VL_STREQ (error, o->accepted))
    return 1;
  return error ? refuse (o, what, error) : 0;
}

static int64_t
number (const struct order *o, const char *key)
{
  const char *text = vl_info (o->c, &o->answer, key);

  return text ? strtoll (text, NULL, 10) : 0;
}

/* Writes the image that O has looked at to the new file PATH. */
static int
write_out (struct order *o, const char *path, const char *more)
{
  struct vl_call *c = o->c;
  VL_AUTOCLOSE int fd = -1;
  int result;

  o->bytes = o->file_size = number (o, "bytes");
  fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return vl_file_failed (c, "cannot make", path, errno);
  o->files[o->n_files++] = (struct vl_tool_file) { .path = path, .fd = fd, .write = 1 };
  result = vl_file_room (c, path, o->bytes);
  if (result == 0)
    result = run (o, "export", "read", vl_printf (c, ", \"data\": 5%s", more));
  if (result < 0)
    unlink (path);
  return result;
}

/* ---- images ---- */

/* An image that others made; FSID is "" where it is not said. */
struct image {
  const char *fsid, *pool, *name, *snap;
};

/* "rbd:POOL/IMAGE@SNAPSHOT", or as Glance says it, "rbd://FSID/POOL/IMAGE/SNAPSHOT". */
static int
read_url (struct vl_call *c, const char *url, struct image *image)
{
  int whole = strncmp (url, "rbd://", 6) == 0;
  const char *parts[4] = { "none" }, *at = url + (whole ? 6 : 4);
  const char *const ends = whole ? "///" : "x/@";
  int good = 1;

  for (int i = whole ? 0 : 1; i < 4 && good; i++) {
    size_t n = i < 3 ? strcspn (at, (char[]) { ends[i], '\0' }) : strlen (at);

    parts[i] = vl_printf (c, "%.*s", (int)n, at);
    good = rbd_is_name (parts[i]) && (i == 3 || at[n] == ends[i]);
    at += n + (i < 3);
  }
  *image = (struct image) { whole ? parts[0] : "", parts[1], parts[2], parts[3] };
  return good ? 0
              : vl_refuse (c, VL_ERR_USAGE, NULL, NULL,
                           "\"%s\" is no image in Ceph; accepted: rbd:POOL/IMAGE@SNAPSHOT and "
                           "rbd://FSID/POOL/IMAGE/SNAPSHOT, of A-Z a-z 0-9 _ . -",
                           url);
}

/* Looks at IMAGE, in the cluster that has the disks or, with DOWNLOAD, the one that images are
 * downloaded from: O is what was asked and answered.  0; -1 after a refusal; 1 where Ceph's error is
 * the one ACCEPTED. */
static int
look_at (struct vl_call *c, const struct image *image, int download, const char *accepted,
         struct order *o)
{
  const char *conf = download ? vl_str (c, "download-conf") : NULL;
  const char *user = download ? vl_str (c, "download-user") : NULL;
  int result;

  if (begin_as (o, c, vl_printf (c, "%s/%s", image->pool, image->name), conf ? conf : rbd_conf (c),
                user ? user : rbd_user (c))
      < 0)
    return -1;
  if (download)
    o->connect = vl_int (c, "download-timeout");
  o->more = vl_printf (c, ", \"snap\": \"%s\"%s", image->snap,
                       *image->fsid ? vl_printf (c, ", \"fsid\": \"%s\"", image->fsid) : "");
  o->accepted = accepted;
  result = run (o, "look", "look at", o->more);
  if (result)
    return result;
  if (says (o, "there"))
    return 0;
  return vl_refuse_as (c, VL_ERR_NOT_FOUND, "ImageNotFound", NULL,
                       vl_printf (c, "rbd -c %s ls -l %s shows what there is", o->conf, o->pool),
                       "the Ceph cluster of \"%s\" has no image \"%s/%s\"", o->conf, o->pool,
                       o->image);
}

int
rbd_image_look (struct vl_call *c, const char *url, struct vl_image_place *place)
{
  const char *fsid;
  struct image image;
  struct order o;

  if (read_url (c, url, &image) < 0 || look_at (c, &image, vl_bool (c, "download"), NULL, &o) < 0)
    return -1;
  if (! says (&o, "protected"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "ImageUnacceptable", NULL,
        vl_printf (c, "rbd -c %s snap protect %s/%s@%s", o.conf, o.pool, o.image, image.snap),
        "snapshot \"%s/%s@%s\" in Ceph is not protected, so that it may go while "
        "disks need it",
        o.pool, o.image, image.snap);
  fsid = vl_info (c, &o.answer, "fsid");
  place->url =
      vl_printf (c, "rbd://%s/%s/%s/%s", fsid ? fsid : "", image.pool, image.name, image.snap);
  place->bytes = number (&o, "bytes");
  return 0;
}

/* Of another cluster than that of the disks nothing is cloned. */
int
rbd_image_clones (struct vl_call *c, const char *url, struct vl_image_place *place)
{
  struct image image;
  struct order o;
  int result = read_url (c, url, &image);

  if (result == 0)
    result = look_at (c, &image, 0, "elsewhere", &o);
  if (result)
    return result < 0 ? -1 : 0;
  place->url = url;
  place->bytes = number (&o, "bytes");
  return 0;
}

int
rbd_image_fetch (struct vl_call *c, const char *url, const char *path)
{
  struct image image;
  struct order o;

  if (! vl_bool (c, "download"))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "ImageNotActive", "download",
        "set enable_rbd_download = yes in plugins.d/rbd.conf, or images_type = rbd",
        "image \"%s\" lies in Ceph, and is not copied from there", url);
  if (read_url (c, url, &image) < 0 || look_at (c, &image, 1, NULL, &o) < 0)
    return -1;
  return write_out (&o, path, o.more);
}

/* ---- making ---- */

/* Does libvirt have the secret with which QEMU will open the disk?  0, or -1 after a refusal. */
static int
check_secret (struct vl_call *c)
{
  const char *uuid = vl_str (c, "secret");
  int has = uuid ? vl_secret_has (c, uuid) : 1;

  if (has)
    return has < 0 ? -1 : 0;
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "StorageFailed", NULL,
      vl_printf (c,
                 "virsh secret-define, then virsh secret-set-value %s with: ceph auth get-key "
                 "client.%s",
                 uuid, rbd_user (c)),
      "libvirt has no secret %s with a value, which rbd_secret_uuid names", uuid);
}

/* The file that the disk begins with, raw, in *PATH, or NULL; *MADE where it is to go afterwards.
 * What a tenant made is read where there is no network, and what has the network reads raw
 * bytes. */
static int
make_raw (struct vl_call *c, const struct vl_volume *volume, const char **path, const char **made)
{
  struct vl_source raw = { .size = sizeof raw, .type = "file", .format = "raw" };
  struct vl_volume plain = *volume;

  *path = *made = NULL;
  if (volume->image && VL_STREQ (volume->image_format, "raw")) {
    *path = volume->image;
    return 0;
  }
  if (volume->image == NULL && volume->blank == NULL)
    return 0;
  *made = *path = raw.path = vl_printf (c, "%s/%s.raw", volume->dir, volume->name);
  plain.preallocate = 0;
  /* A command that died may have left it. */
  if (unlink (raw.path) < 0 && errno != ENOENT)
    return vl_file_failed (c, "cannot remove", raw.path, errno);
  return local_make (c, &plain, &raw);
}

/* The members of an order that say what is cloned; NULL after a refusal. */
static const char *
read_parent (struct vl_call *c, const char *url)
{
  struct image image;

  if (read_url (c, url, &image) < 0)
    return NULL;
  return vl_printf (c,
                    ", \"fsid\": \"%s\", \"parent_pool\": \"%s\", \"parent_image\": \"%s\", "
                    "\"parent_snap\": \"%s\"",
                    image.fsid, image.pool, image.name, image.snap);
}

int
rbd_make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  const char *path, *made, *more;
  struct order o;
  int result, again;

  if (! VL_STREQ (source->type, "network"))
    return local_make (c, volume, source);
  if (begin (&o, c, source->name) < 0 || check_secret (c) < 0
      || (o.token = local_token (c, volume, source->name, &again)) == NULL)
    return -1;
  more = volume->image_url ? read_parent (c, volume->image_url) : "";
  if (more == NULL)
    return -1;
  result = make_raw (c, volume, &path, &made);
  if (result == 0) {
    o.bytes = ! path ? 0 : volume->image ? volume->image_bytes : volume->bytes;
    if (path)
      o.files[o.n_files++] = (struct vl_tool_file) { .path = path, .fd = -1 };
    result = run (&o, "make", "make",
                  vl_printf (c, ", \"server\": \"%s\", \"bytes\": %" PRId64 "%s%s", volume->server,
                             volume->bytes, path ? ", \"data\": 5" : "", more));
  }
  if (made)
    unlink (made);
  /* Who was not even let in has nothing to remove, which would take being let in. */
  if (result < 0 && ! again && o.answer.connection && vl_info (c, &o.answer, "error")
      && ! says (&o, "begun"))
    local_token_drop (c, volume, source->name);
  return result;
}

int
rbd_resize (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  struct order o;

  if (! VL_STREQ (source->type, "network"))
    return local_resize (c, volume, source);
  return begin (&o, c, source->name) < 0
             ? -1
             : run (&o, "grow", "grow", vl_printf (c, ", \"bytes\": %" PRId64, volume->bytes));
}

/* Has WORD done with the disk, which says WHAT, if it is one that this server made. */
static int
change (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source,
        const char *word, const char *what)
{
  const char *token = source->name ? local_token_kept (c, volume, source->name) : NULL;
  struct order o;

  if (token == NULL)
    return 0;
  if (begin (&o, c, source->name) < 0)
    return -1;
  o.token = token;
  o.bytes = volume->bytes;
  return run (&o, word, what, "");
}

/* As Nova's, by a snapshot: the disk itself is grown, and is that snapshot again where the new flavor is
 * not taken. */
int
rbd_checkpoint (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  return change (c, volume, source, "checkpoint", "keep what is on");
}

int
rbd_rollback (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  return change (c, volume, source, "rollback", "bring back what was on");
}

int
rbd_commit (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  return change (c, volume, source, "commit", "remove what is kept of");
}

/* ---- removing ---- */

int
rbd_remove (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  int64_t retries = vl_int (c, "retries"), interval = vl_int (c, "retry-interval");
  struct order o = { .c = c };
  const char *name;
  size_t n = 0;

  o.token = source->name ? local_token_kept (c, volume, source->name) : NULL;
  /* Nothing had begun. */
  if (o.token == NULL)
    return 0;
  name = o.token;
  if (begin (&o, c, source->name) < 0)
    return -1;
  o.token = name;
  o.bytes = volume->bytes;
  o.patience = retries * interval;
  if (run (&o, "remove", "remove",
           vl_printf (c, ", \"retries\": %" PRId64 ", \"interval\": %" PRId64, retries, interval))
      < 0)
    return -1;
  while (vl_info (c, &o.answer, vl_printf (c, "snapshots.%zu", n)))
    n++;
  name = vl_info (c, &o.answer, "trashed");
  if (name && VL_STREQ (name, "true"))
    vl_warn_as (c, "Unfinished", NULL,
                vl_printf (c, "look at it with rbd trash ls %s; rbd trash purge ends it", o.pool),
                "\"%s/%s\" has %zu snapshots that virtloom did not make: it lies in the trash of "
                "pool '%s' with them",
                o.pool, o.image, n, o.pool);
  return local_token_drop (c, volume, source->name);
}

/* ---- reading ---- */

int
rbd_snapshot (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source,
              const char *path, const char *format)
{
  struct order o;

  (void)volume;
  if (! VL_STREQ (format, "raw"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "a disk in Ceph is written as '%s'; accepted: raw", format);
  return begin (&o, c, source->name) < 0 || run (&o, "look", "look at", "") < 0
             ? -1
             : write_out (&o, path, "");
}

int
rbd_capacity (struct vl_call *c, const char *dir, const char **store, int64_t *total, int64_t *used)
{
  struct order o;

  (void)dir;
  if (begin (&o, c, NULL) < 0 || run (&o, "use", "look at", "") < 0)
    return -1;
  *store = vl_printf (c, "rbd-%s", o.pool);
  *used = number (&o, "used");
  *total = *used + number (&o, "free");
  return 0;
}
