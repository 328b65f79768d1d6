/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The line to another host.  Whoever is at its other end is believed nothing but what the tables of this
 * virtloom have: every line is bounded, and each answer has its time. */

#include <config.h>

#include "server/records.h"
#include "server/wire.h"

#include "lib/clock.h"
#include "lib/text.h"
#include "request/json-members.h"

#include <virtloom/ascii.h>
#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_WORDS 64
#define MOST_FINDINGS 256
#define MOST_TEXT 4096
#define HELLO_SECONDS 60
/* How long it may take nothing of what is sent. */
#define TAKES_SECONDS 60
#define PATIENCE_MS 5000
#define SAID_BYTES 400

/* ---- what is wrong ---- */

/* The last line that the command has written to stderr, in parentheses. */
static const char *
said (const struct vl_wire *wire)
{
  char text[SAID_BYTES + 1];
  off_t length = wire->said < 0 ? 0 : lseek (wire->said, 0, SEEK_END);
  ssize_t n = length <= 0 ? 0
                          : pread (wire->said, text, SAID_BYTES,
                                   length > SAID_BYTES ? length - SAID_BYTES : 0);
  VL_AUTOFREE char *clean = NULL;
  char *line;

  while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
    n--;
  if (n <= 0)
    return "";
  text[n] = '\0';
  line = strrchr (text, '\n');
  clean = vl_text_clean (line ? line + 1 : text);
  return vl_printf (wire->app->call, " (%s)", clean);
}

static int
lost (const struct vl_wire *wire, const char *why)
{
  return vl_refuse_as (wire->app->call, VL_ERR_UNREACHABLE, "MigrationError", NULL,
                       "see migration_transport in virtloom.conf; it has to run 'virtloom "
                       "migration serve' there",
                       "host \"%s\" cannot be asked: %s%s", wire->host, why, said (wire));
}

/* ---- lines ---- */

/* Reads more, until DEADLINE: 1, 0 at the end, -1 after a finding. */
static int
fill (struct vl_wire *wire, int64_t deadline, unsigned seconds)
{
  struct pollfd event = { .fd = wire->in, .events = POLLIN };
  int64_t left = deadline - vl_clock_ms ();
  ssize_t n;
  int got;

  got = left <= 0 ? 0 : poll (&event, 1, (int)(left > 1000 ? 1000 : left));
  if (got == 0 && left <= 0)
    return lost (wire, vl_printf (wire->app->call, "it has said nothing for %u seconds", seconds));
  if (got <= 0)
    return got == 0 || errno == EINTR ? 1 : lost (wire, strerror (errno));
  if (wire->size - wire->n < 4096) {
    wire->size = wire->size ? 2 * wire->size : 65536;
    wire->text = vl_xrealloc (wire->text, wire->size, 1);
  }
  n = read (wire->in, wire->text + wire->n, wire->size - wire->n);
  if (n < 0 && errno == ECONNRESET)
    n = 0;
  if (n < 0)
    return errno == EINTR || errno == EAGAIN ? 1 : lost (wire, strerror (errno));
  wire->n += (size_t)n;
  return n > 0;
}

/* A line is TEXT of LENGTH bytes. */
static json_t *
parse (struct vl_wire *wire, const char *text, size_t length)
{
  struct vl_call *call = wire->app->call;
  struct vl_reader reader = { .call = call,
                              .arena = call->arena,
                              .origin = vl_printf (call, "host \"%s\"", wire->host) };
  json_t *object = vl_reader_parse (&reader, text, length, VL_WIRE_BYTES);

  if (object && ! json_is_object (object)) {
    json_decref (object);
    object = NULL;
    vl_reader_refuse (&reader, NULL, "$", NULL, "is no object; accepted: a line with one");
  }
  return object;
}

/* Where the first line ends that has come, if it has; before SEARCHED it does not.  Before anything has come
 * there is no text. */
static const char *
line_end (const struct vl_wire *wire, size_t searched)
{
  return wire->n > searched ? memchr (wire->text + searched, '\n', wire->n - searched) : NULL;
}

json_t *
vl_wire_read (struct vl_wire *wire, unsigned seconds, int *ended)
{
  int64_t deadline = vl_clock_ms () + (int64_t)seconds * 1000;
  size_t searched = 0;
  const char *end;
  json_t *object;
  int got = 1;

  while ((end = line_end (wire, searched)) == NULL) {
    searched = wire->n;
    if (wire->n > VL_WIRE_BYTES) {
      lost (wire,
            vl_printf (wire->app->call, "a line of it has more than %zu bytes", VL_WIRE_BYTES));
      return NULL;
    }
    got = fill (wire, deadline, seconds);
    if (got <= 0)
      break;
  }
  if (end == NULL && got == 0) {
    if (ended && wire->n == 0)
      *ended = 1;
    else
      lost (wire, wire->n ? "it ended in the middle of a line" : "it has ended");
  }
  if (end == NULL)
    return NULL;
  object = parse (wire, wire->text, (size_t)(end - wire->text));
  wire->n -= (size_t)(end + 1 - wire->text);
  memmove (wire->text, end + 1, wire->n);
  return object;
}

/* Nobody is ended by a line that has ended. */
static ssize_t
write_some (int fd, const char *text, size_t n)
{
  ssize_t done = send (fd, text, n, MSG_NOSIGNAL);

  return done < 0 && errno == ENOTSOCK ? write (fd, text, n) : done;
}

int
vl_wire_write (struct vl_wire *wire, json_t *object)
{
  VL_AUTOFREE char *text = json_dumps (object, JSON_COMPACT);
  size_t length = text ? strlen (text) : 0, at = 0;

  json_decref (object);
  if (text == NULL)
    return vl_fault (wire->app->call, "what is sent to another host is no JSON");
  text[length] = '\n';
  while (at <= length) {
    ssize_t n = write_some (wire->out, text + at, length + 1 - at);

    /* What has ended may have said why, which is read. */
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
      return 0;
    if (n < 0 && errno == EAGAIN)
      return lost (wire, "it takes nothing");
    if (n < 0 && errno != EINTR)
      return lost (wire, strerror (errno));
    at += n > 0 ? (size_t)n : 0;
  }
  return 0;
}

/* ---- findings ---- */

json_t *
vl_wire_findings (struct vl_app *app, size_t first)
{
  json_t *list = json_array ();

  for (size_t i = first; i < app->call->findings.n; i++) {
    const struct vl_finding *finding = &app->call->findings.items[i];
    json_t *item = json_object ();

    json_object_set_new (item, "severity", json_integer (finding->severity));
    json_object_set_new (item, "err", json_integer (finding->err));
    json_object_set_new (item, "code", json_string (finding->code));
    json_object_set_new (item, "plugin", json_string (finding->plugin));
    json_object_set_new (item, "message", json_string (finding->message));
    json_object_set_new (item, "hint", json_string (finding->hint));
    json_array_append_new (list, item);
  }
  return list;
}

/* The text NAME of ITEM, or NULL; what is longer than a finding of ours is none. */
static const char *
text_of (const json_t *item, const char *name)
{
  const char *text = json_string_value (json_object_get (item, name));

  return text && strlen (text) <= MOST_TEXT ? text : NULL;
}

static const char *
word_of (const json_t *item, const char *name, const char *otherwise)
{
  const char *text = text_of (item, name);

  if (text == NULL || *text == '\0' || strlen (text) > 64)
    return otherwise;
  for (const char *p = text; *p; p++)
    if (! vl_ascii_is_alnum (*p) && *p != '-')
      return otherwise;
  return text;
}

/* Is one of them an error? */
static int
take_findings (struct vl_wire *wire, const json_t *list)
{
  struct vl_call *call = wire->app->call;
  int errors = 0;

  for (size_t i = 0; i < json_array_size (list) && i < MOST_FINDINGS; i++) {
    const json_t *item = json_array_get (list, i);
    const char *message = text_of (item, "message"), *hint = text_of (item, "hint");
    json_int_t severity = json_integer_value (json_object_get (item, "severity"));
    json_int_t err = json_integer_value (json_object_get (item, "err"));
    struct vl_finding finding = {
      .severity = severity >= VL_SEV_ERROR && severity <= VL_SEV_ADVICE ? (enum vl_severity)severity
                                                                        : VL_SEV_ERROR,
      .err = err >= 1 && err <= 9 ? (enum vl_err)err : VL_ERR_FAILED,
      .code = vl_arena_strdup (call->arena, word_of (item, "code", "MigrationError")),
      .plugin = vl_arena_strdup (call->arena, word_of (item, "plugin", "core")),
      .message = vl_printf (call, "host \"%s\": %s", wire->host, message ? message : "no reason"),
      .hint = hint ? vl_printf (call, "there: %s", hint) : NULL,
    };

    errors |= finding.severity == VL_SEV_ERROR;
    (void)vl_findings_add (call, &finding);
  }
  return errors;
}

int
vl_wire_ask (struct vl_wire *wire, json_t *object, unsigned seconds, json_t **answer)
{
  json_t *got;
  int errors;

  *answer = NULL;
  if (vl_wire_write (wire, object) < 0)
    return VL_WIRE_LOST;
  got = vl_wire_read (wire, seconds, NULL);
  if (got == NULL)
    return VL_WIRE_LOST;
  errors = take_findings (wire, json_object_get (got, "findings"));
  *answer = got;
  /* What is neither refused nor said to be done may be both. */
  if (! errors && ! json_is_true (json_object_get (got, "done")))
    return lost (wire, "its answer says neither that it was done nor that it was not"),
           VL_WIRE_LOST;
  return errors ? -1 : 0;
}

/* ---- the command ---- */

/* The words of migration_transport, %h being the host; NULL after a finding. */
static char **
words_of (struct vl_wire *wire)
{
  struct vl_call *call = wire->app->call;
  const char *text = vl_config_str (wire->app->config, "migration_transport");
  char **words = vl_memory (call, (MOST_WORDS + 1) * sizeof *words);
  size_t n = 0, length;

  for (text = text ? text : ""; *(text += strspn (text, " \t")); text += length) {
    const char *at;

    length = strcspn (text, " \t");
    if (n == MOST_WORDS)
      break;
    words[n] = (char *)vl_printf (call, "%.*s", (int)length, text);
    at = strstr (words[n], "%h");
    if (at)
      words[n] =
          (char *)vl_printf (call, "%.*s%s%s", (int)(at - words[n]), words[n], wire->host, at + 2);
    n++;
  }
  if (n > 0 && *text == '\0')
    return words;
  vl_refuse_as (call, VL_ERR_REFUSED, "InvalidConfiguration", NULL,
                "set it in virtloom.conf: ssh -T -- %h virtloom migration serve",
                "migration_transport %s", n ? "has more than 64 words" : "is empty");
  return NULL;
}

/* No shell is between the words and the command, and whoever calls decides by no variable what it runs: it is
 * told where ssh's agent is, and no more. */
static int
spawn (struct vl_wire *wire, char **words)
{
  const char *program = vl_tool_find (wire->app->call, words[0]), *agent = getenv ("SSH_AUTH_SOCK");
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char *const environment[] = {
    path, agent ? (char *)vl_printf (wire->app->call, "SSH_AUTH_SOCK=%s", agent) : NULL, NULL
  };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t set;
  int ends[2], error;

  if (program == NULL)
    return lost (wire, vl_printf (wire->app->call, "'%s' cannot be run: there is no such program",
                                  words[0]));
  wire->said = memfd_create ("virtloom-transport", MFD_CLOEXEC);
  if (wire->said < 0 || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return lost (wire, strerror (errno));
  wire->in = wire->out = ends[0];
  (void)setsockopt (ends[0], SOL_SOCKET, SO_SNDTIMEO, &(struct timeval) { TAKES_SECONDS, 0 },
                    sizeof (struct timeval));
  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigdefault (&attributes, &set);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, wire->said, STDERR_FILENO);
  error = posix_spawn (&wire->pid, program, &actions, &attributes, words, environment);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  close (ends[1]);
  if (error == 0)
    return 0;
  wire->pid = 0;
  return lost (wire,
               vl_printf (wire->app->call, "'%s' cannot be run: %s", words[0], strerror (error)));
}

/* ---- beginning and end ---- */

static int
hello (struct vl_wire *wire)
{
  const char *own = vl_app_host_name (wire->app), *name;
  json_t *answer = NULL;
  int result = -1;

  if (own == NULL)
    return -1;
  if (vl_wire_ask (wire,
                   json_pack ("{s:s, s:i, s:i, s:s}", "method", "hello", "oldest", VL_WIRE_OLDEST,
                              "newest", VL_WIRE_NEWEST, "host", own),
                   HELLO_SECONDS, &answer)
      == 0) {
    json_int_t version = json_integer_value (json_object_get (answer, "version"));

    name = json_string_value (json_object_get (answer, "host"));
    if (version < VL_WIRE_OLDEST || version > VL_WIRE_NEWEST)
      result = lost (wire, vl_printf (wire->app->call,
                                      "it speaks version %lld of the protocol; accepted: %d to %d",
                                      (long long)version, VL_WIRE_OLDEST, VL_WIRE_NEWEST));
    else if (name && VL_STREQ (name, own))
      result = vl_refuse_as (wire->app->call, VL_ERR_REQUEST, "UnableToMigrateToSelf", NULL,
                             "name another host; each has its own name: host in virtloom.conf",
                             "host \"%s\" is this one", wire->host);
    else
      result = 0;
  }
  json_decref (answer);
  return result;
}

int
vl_wire_judge_host (struct vl_call *call, const char *host)
{
  const char *problem = vl_host_name_problem (host);

  return problem ? vl_refuse_as (call, VL_ERR_REQUEST, "InvalidHostname", NULL,
                                 "what migration_transport has for %h is the other host's name",
                                 "'%s' %s", vl_shown (call->arena, host), problem)
                 : 0;
}

int
vl_wire_begin (struct vl_app *app, const char *host, struct vl_wire *wire)
{
  char **words;

  *wire = (struct vl_wire)VL_WIRE_NONE;
  wire->app = app;
  wire->host = host;
  if (vl_wire_judge_host (app->call, host) < 0)
    return -1;
  words = words_of (wire);
  return words == NULL || spawn (wire, words) < 0 ? -1 : hello (wire);
}

/* What does not end by itself is ended. */
static void
reap (pid_t pid)
{
  int64_t deadline = vl_clock_ms () + PATIENCE_MS;
  int signals[] = { SIGTERM, SIGKILL };
  size_t n = 0;

  while (waitpid (pid, NULL, n < 2 ? WNOHANG : 0) == 0) {
    if (vl_clock_ms () < deadline) {
      poll (NULL, 0, 10);
      continue;
    }
    kill (pid, signals[n++]);
    deadline = vl_clock_ms () + PATIENCE_MS;
  }
}

void
vl_wire_end (struct vl_wire *wire)
{
  if (wire->pid > 0)
    close (wire->in);
  if (wire->pid > 0)
    reap (wire->pid);
  if (wire->said >= 0)
    close (wire->said);
  free (wire->text);
  *wire = (struct vl_wire)VL_WIRE_NONE;
}
