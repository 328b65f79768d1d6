/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Downloading: curl, confined like any outside program, writes into a file of ours.  A
 * connection that was cut, and a command that was killed, are gone on with where the bytes
 * end, if the server says that they are still the same (RFC 9110, If-Range) or a digest will
 * prove it. */

#include <config.h>

#include "storage/download.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

/* A day for all of it, and that many tries that brought next to nothing: a server that gives a byte
 * at a time does not hold the image for that day. */
#define DAY ((int64_t)86400)
#define TRIES 3
#define NOTHING 4096
#define MOST_HEAD ((size_t)1 << 20)
#define MOST_URL 8192

/* Exit statuses of curl(1). */
enum {
  CURL_SHORT = 18,
  CURL_HTTP = 22,
  CURL_WRITE = 23,
  CURL_NO_RANGE = 33,
  CURL_TOO_LARGE = 63,
};

int
vl_url_check (struct vl_call *call, const char *url)
{
  const char *host = VL_STARTS (url, "http://")    ? url + 7
                     : VL_STARTS (url, "https://") ? url + 8
                                                   : "";
  size_t length = strlen (url);

  if (*host && ! strchr ("/?#:@", *host) && length <= MOST_URL
      && strcspn (url, " \"\\<>^`{|}\t") == length && vl_text_problem (url, length) == NULL)
    return 0;
  return vl_refuse (call, VL_ERR_USAGE, NULL, NULL,
                    "\"%s\" is nothing to download from; accepted: http://HOST/PATH and "
                    "https://HOST/PATH, other characters as %%20",
                    vl_url_shown (call, url));
}

const char *
vl_url_shown (struct vl_call *call, const char *url)
{
  size_t length = strcspn (url, "?#");

  /* What is behind the '?' is a password as well, of many a store of objects. */
  return vl_shown (call->arena,
                   vl_passwordless (call->arena, vl_printf (call, "%.*s%s", (int)length, url,
                                                            url[length] ? "?***" : "")));
}

int
vl_url_is_secret (const char *url)
{
  const char *host = strstr (url, "://");

  return url[strcspn (url, "?#")] != '\0'
         || (host && memchr (host + 3, '@', strcspn (host + 3, "/")) != NULL);
}

/* ---- what a server said ---- */

/* Does LINE begin with NAME, small letters and '-', whose letters may be large in LINE? */
static int
is_called (const char *line, const char *name)
{
  while (*name && (*line | 0x20) == *name)
    line++, name++;
  return *name == '\0';
}

/* The value of header NAME in the last answer of HEAD; arena memory, or NULL. */
static const char *
header_of (struct vl_call *call, const char *head, const char *name)
{
  const char *found = NULL;
  size_t length = strlen (name), n;

  for (const char *line = head; *line; line += n + (line[n] == '\n')) {
    n = strcspn (line, "\n");
    if (VL_STARTS (line, "HTTP/"))
      found = NULL; /* another answer begins */
    if (n > length && line[length] == ':' && is_called (line, name)) {
      const char *value = line + length + 1 + strspn (line + length + 1, " \t");

      found = vl_printf (call, "%.*s", (int)strcspn (value, "\r\n"), value);
    }
  }
  return found;
}

/* What tells the bytes that are there from others: a strong ETag, or a date. */
static const char *
validator (struct vl_call *call, const char *path)
{
  const char *why, *tag;
  size_t length;
  VL_AUTOFREE char *head = vl_file_read (path, MOST_HEAD, &length, &why);

  if (head == NULL)
    return NULL;
  tag = header_of (call, head, "etag");
  if (tag == NULL || VL_STARTS (tag, "W/"))
    tag = header_of (call, head, "last-modified");
  return tag && *tag && vl_text_problem (tag, strlen (tag)) == NULL ? tag : NULL;
}

/* ---- one run of curl ---- */

struct fetching {
  struct vl_call *call;
  const struct vl_download *d;
  const char *shown, *head;
  int fd;        /* of the file */
  int64_t most;  /* bytes that it may have */
  int64_t have;  /* that it has */
  int64_t until; /* seconds of CLOCK_MONOTONIC */
};

/* A line of curl's configuration: what is in it is seen in no list of processes. */
static void
add_line (struct vl_str *config, const char *key, const char *value)
{
  vl_str_printf (config, "%s = \"", key);
  for (; *value; value++)
    vl_str_printf (config, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
  vl_str_add (config, "\"\n");
}

static void
write_config (struct vl_str *config, const struct fetching *f, const char *same)
{
  add_line (config, "url", f->d->url);
  /* curl reads no variable here: the environment is fixed. */
  if (f->d->proxy)
    add_line (config, "proxy", f->d->proxy);
  else
    add_line (config, "noproxy", "*");
  if (same)
    add_line (config, "header", vl_printf (f->call, "If-Range: %s", same));
}

/* Has curl write what is behind the bytes that are there; SAME proves that they are of the same
 * file, or is NULL.  The exit status of curl, -1 where there is none, after a finding. */
static int
run_curl (struct fetching *f, const char *same, struct vl_tool_result *result)
{
  struct vl_call *call = f->call;
  const char *head = f->have ? vl_printf (call, "%s.more", f->head) : f->head;
  VL_AUTOCLOSE int head_fd = open (head, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  VL_AUTOSTR struct vl_str config = { 0 };
  const struct vl_tool_file files[] = { { .path = f->d->path, .fd = f->fd, .write = 1 },
                                        { .path = head, .fd = head_fd, .write = 1 },
                                        { .path = f->d->ca_file, .fd = -1 } };
  int tls = VL_STARTS (f->d->url, "https:");
  int64_t left = f->until - vl_clock_ms () / 1000;
  /* "-q" first: it reads no other configuration. */
  const char *args[] = { "-q", "--config", "-", "--silent", "--show-error", "--fail", "--globoff",
                         /* What came is in the file when it is killed. */
                         "--no-buffer", "--location", "--max-redirs", "5", "--proto", "=http,https",
                         "--proto-redir", tls ? "=https" : "=http,https", "--connect-timeout", "30",
                         "--speed-limit", "1", "--speed-time", "60", "--write-out",
                         "%{response_code}", "--max-filesize",
                         vl_printf (call, "%" PRId64, f->most - f->have), "--dump-header",
                         VL_TOOL_FILE_1, "--output", VL_TOOL_FILE_0, NULL, NULL, NULL, NULL, NULL };
  size_t n = 0;
  struct vl_tool tool = { .size = sizeof tool, .name = "curl", .args = args, .file_size = f->most };
  size_t first = call->findings.n;

  if (head_fd < 0)
    return vl_file_failed (call, "cannot make", head, errno);
  while (args[n])
    n++;
  if (f->d->ca_file) {
    args[n++] = "--cacert";
    args[n++] = "/proc/self/fd/5";
  }
  if (f->have) {
    args[n++] = "--continue-at";
    args[n++] = vl_printf (call, "%" PRId64, f->have);
  }
  tool.files = (struct vl_table) { files, f->d->ca_file ? 3 : 2, sizeof files[0] };
  tool.deadline = (uint32_t)(left > 0 ? left : 1) * 1000;
  write_config (&config, f, same);
  tool.input = config.text;
  tool.input_length = config.length;
  if (vl_tool_core (call, &tool, result) == 0)
    return 0;
  if (result->end != VL_TOOL_EXITED)
    return -1;
  vl_findings_drop (call, first, call->findings.n);
  return result->status;
}

/* ---- judging ---- */

/* Can the same be tried again, after STATUS of curl and CODE of HTTP? */
static int
is_passing (int status, long code)
{
  static const int passing[] = { 5, 6, 7, 16, CURL_SHORT, 28, 35, 52, 55, 56, 92 };

  for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
    if (passing[i] == status)
      return 1;
  return status == CURL_HTTP && (code == 408 || code == 429 || code >= 500);
}

/* curl's words without "curl: (7) ". */
static const char *
words (struct vl_call *call, const struct vl_tool_result *result)
{
  const char *said = result->said, *behind;

  if (VL_STARTS (said, "curl: (") && (behind = strstr (said, ") ")))
    said = behind + 2;
  if (*said == '\0')
    said = vl_printf (call, "curl exited with %d", result->status);
  return vl_passwordless (call->arena, vl_printf (call, "%.*s", (int)strcspn (said, "\n"), said));
}

static int
refuse_size (const struct fetching *f)
{
  int64_t most = vl_image_most (f->call);

  if (f->most < most)
    return vl_refuse_as (
        f->call, VL_ERR_FAILED, "DiskFull", NULL, vl_make_room (f->call, f->d->path),
        "\"%s\" has more bytes than the %" PRId64 " that are free for it", f->shown, f->most);
  return vl_refuse_as (f->call, VL_ERR_REQUEST, "ImageUnacceptable", NULL,
                       "where such images are wanted, set a larger max_image_size in virtloom.conf",
                       "\"%s\" has more than %" PRId64
                       " bytes; accepted: at most that, the max_image_size of [storage]",
                       f->shown, most);
}

static int
refuse (const struct fetching *f, const struct vl_tool_result *result)
{
  long code = strtol (result->out, NULL, 10);
  int status = result->status, passing = is_passing (status, code);

  if (status == CURL_TOO_LARGE || (status == CURL_WRITE && f->have >= f->most))
    return refuse_size (f);
  if (status == CURL_WRITE)
    return vl_refuse_as (f->call, VL_ERR_FAILED, "StorageFailed", NULL,
                         vl_make_room (f->call, f->d->path), "\"%s\" cannot be written",
                         f->d->path);
  if (status == CURL_HTTP && (code == 404 || code == 410))
    return vl_refuse_as (f->call, VL_ERR_NOT_FOUND, "ImageNotFound", NULL, NULL,
                         "there is no \"%s\": its server answers %ld", f->shown, code);
  if (status == CURL_HTTP && (code == 401 || code == 403))
    return vl_refuse_as (f->call, VL_ERR_NOT_PERMITTED, "ImageNotAuthorized", NULL,
                         "an address may have a user and a password before the host",
                         "\"%s\" cannot be downloaded: its server answers %ld", f->shown, code);
  if (status == CURL_HTTP)
    return vl_refuse_as (f->call, passing ? VL_ERR_UNREACHABLE : VL_ERR_FAILED, "DownloadFailed",
                         NULL, NULL, "\"%s\" cannot be downloaded: its server answers %ld",
                         f->shown, code);
  return vl_refuse_as (
      f->call, passing ? VL_ERR_UNREACHABLE : VL_ERR_FAILED, "DownloadFailed", NULL,
      passing && f->have ? vl_printf (
          f->call, "the same command goes on behind the %" PRId64 " bytes that are there", f->have)
                         : NULL,
      "\"%s\" cannot be downloaded: %s", f->shown, words (f->call, result));
}

/* ---- all of it ---- */

/* How many bytes there are, and may be: as many as an image may have, or as are free. */
static int
look (struct fetching *f)
{
  struct statvfs fs;
  struct stat st;
  int64_t room;

  if (fstat (f->fd, &st) < 0 || fstatvfs (f->fd, &fs) < 0)
    return vl_file_failed (f->call, "cannot look at", f->d->path, errno);
  f->have = st.st_size;
  f->most = vl_image_most (f->call);
  room = f->have + (int64_t)(fs.f_bavail * fs.f_frsize);
  f->most = room < f->most ? room : f->most;
  return f->have < f->most ? 0 : refuse_size (f);
}

/* From the first byte on: what is there is of something else, or nobody knows. */
static int
begin_anew (struct fetching *f)
{
  if (ftruncate (f->fd, 0) < 0 || (unlink (f->head) < 0 && errno != ENOENT))
    return vl_file_failed (f->call, "cannot write", f->d->path, errno);
  f->have = 0;
  return 0;
}

/* curl takes it for success that there is nothing behind the bytes that are there (416): is it
 * because they are all, and not because they are more than all? */
static int
is_whole (const struct fetching *f, const struct vl_tool_result *result)
{
  const char *why, *range;
  size_t length;
  VL_AUTOFREE char *head = NULL;

  if (strtol (result->out, NULL, 10) != 416)
    return 1;
  head = vl_file_read (vl_printf (f->call, "%s.more", f->head), MOST_HEAD, &length, &why);
  range = head ? header_of (f->call, head, "content-range") : NULL;
  return range && VL_STARTS (range, "bytes */") && strtoll (range + 8, NULL, 10) == f->have;
}

static int
fetch (struct fetching *f, int *goes_on)
{
  struct vl_tool_result result = { .size = sizeof result };

  for (int tries = TRIES, restarts = 0, status;;) {
    const char *same = NULL;
    int64_t before;

    if (look (f) < 0)
      return -1;
    same = f->have ? validator (f->call, f->head) : NULL;
    if (f->have && same == NULL && ! f->d->proven && begin_anew (f) < 0)
      return -1;
    before = f->have;
    vl_progress (f->call, before ? "downloading the rest of \"%s\"" : "downloading \"%s\"",
                 f->shown);
    status = run_curl (f, same, &result);
    if (status < 0 || (status == 0 && (before == 0 || is_whole (f, &result))))
      return status;
    if (status == 0 || (before && status == CURL_NO_RANGE && restarts < TRIES)) {
      /* The server gives no part of it, or has something else by now. */
      restarts++;
      if (begin_anew (f) < 0)
        return -1;
      continue;
    }
    if (look (f) < 0)
      return -1;
    tries = f->have - before > NOTHING ? TRIES : tries - 1;
    *goes_on = is_passing (status, strtol (result.out, NULL, 10)) && f->have > 0;
    if (! is_passing (status, strtol (result.out, NULL, 10)) || tries == 0
        || vl_clock_ms () / 1000 >= f->until)
      return refuse (f, &result);
    nanosleep (&(struct timespec) { TRIES - tries, 200000000 }, NULL);
  }
}

int
vl_download (struct vl_call *call, const struct vl_download *d, int *goes_on)
{
  struct fetching f = { .call = call, .d = d, .until = vl_clock_ms () / 1000 + DAY };
  VL_AUTOCLOSE int fd = -1;

  *goes_on = 0;
  if (vl_url_check (call, d->url) < 0 || vl_tool_need (call, "curl", "curl") == NULL)
    return -1;
  f.shown = vl_url_shown (call, d->url);
  f.head = vl_printf (call, "%s.head", d->path);
  f.fd = fd = open (d->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return vl_file_failed (call, "cannot make", d->path, errno);
  if (fetch (&f, goes_on) < 0)
    return -1;
  return fsync (fd) == 0 ? 0 : vl_file_failed (call, "cannot write", d->path, errno);
}
