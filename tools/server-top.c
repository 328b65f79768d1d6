/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server top: what guests do, round by round.  Each round is measured by a child process,
 * so that nothing adds up here, and told from the one before. */

#include <config.h>

#include "server.h"

#include "lib/clock.h"
#include "lib/file.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DELAY 2 /* seconds */
/* What one round may take, in a child that would hang. */
#define ROUND_SECONDS 120
#define NS_PER_S INT64_C (1000000000)
#define KIB_PER_MIB 1024

/* Another screen, which is left for the one before as that was. */
#define SCREEN_BEGIN "\033[?1049h"
#define SCREEN_CLEAR "\033[H\033[2J"
#define SCREEN_END "\033[?1049l"

struct top {
  struct tool *tool;
  json_t *before; /* the last sample */
  int64_t delay, rounds;
  const char *order; /* the member by which is sorted */
  int terminal;
};

/* ---- a sample ---- */

struct sampling {
  struct vl_app *app;
  json_t *guests;
  int64_t at;
};

/* Adds NUMBER to *SUM; -1, not known, makes that of it. */
static void
count (int64_t *sum, int64_t number)
{
  *sum = number < 0 || *sum < 0 ? -1 : *sum + number;
}

static int
add_guest (void *opaque, const struct vl_diagnostics *d)
{
  struct sampling *sampling = opaque;
  int64_t read = 0, written = 0, received = 0, sent = 0;
  json_t *guest = json_object ();

  if (sampling->at == 0)
    sampling->at = vl_clock_ns ();
  for (size_t i = 0; i < d->n_disks; i++) {
    count (&read, d->disks[i].read_bytes);
    count (&written, d->disks[i].write_bytes);
  }
  for (size_t i = 0; i < d->n_nics; i++) {
    count (&received, d->nics[i].rx_bytes);
    count (&sent, d->nics[i].tx_bytes);
  }
  json_put (guest, "name", vl_server_name (sampling->app, d->uuid));
  json_put (guest, "domain", d->domain);
  json_put (guest, "power_state", d->state == VL_STATE_PAUSED ? "PAUSED" : "RUNNING");
  json_put_int (guest, "cpu", d->cpu_time);
  json_put_int (guest, "memory", d->memory_used < 0 ? -1 : d->memory_used / KIB_PER_MIB);
  json_put_int (guest, "read", read);
  json_put_int (guest, "written", written);
  json_put_int (guest, "received", received);
  json_put_int (guest, "sent", sent);
  json_object_set_new (sampling->guests, d->uuid, guest);
  return 0;
}

/* In the child: the sample, or what went wrong in words, goes into FILE. */
static int
measure (const struct top *top, FILE *file)
{
  struct sampling sampling = { top->tool->app, json_object (), 0 };
  json_t *sample;

  if (vl_server_diagnostics (sampling.app, NULL, add_guest, &sampling) < 0) {
    int code = vl_findings_exit_code (sampling.app);

    findings_print (sampling.app, file);
    return code ? code : VL_ERR_FAILED;
  }
  sample = json_object ();
  json_put_int (sample, "at", sampling.at ? sampling.at : vl_clock_ns ());
  json_object_set_new (sample, "guests", sampling.guests);
  json_dumpf (sample, file, JSON_COMPACT);
  return 0;
}

static volatile sig_atomic_t stopped;

static void
on_stop (int number)
{
  stopped = number;
}

/* 0; over 0, an exit code, where the child has said in FILE why there is none; -1 after a finding.
 */
static int
run_child (const struct top *top, FILE *file)
{
  pid_t child;
  int status = 0;

  fflush (NULL);
  child = fork ();
  if (child == 0) {
    int code;

    fault_on_stops (SIG_DFL, 0, NULL);
    alarm (ROUND_SECONDS);
    code = measure (top, file);
    _exit (fflush (file) == 0 ? code : VL_ERR_FAILED);
  }
  if (child < 0)
    return vl_refuse (top->tool->call, VL_ERR_FAILED, NULL, NULL,
                      "there can be no process to measure: %m");
  while (waitpid (child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (WIFEXITED (status))
    return WEXITSTATUS (status);
  return stopped
             ? VL_ERR_FAILED
             : vl_refuse (top->tool->call, VL_ERR_FAILED, NULL, NULL,
                          "the guests could not be measured: %s", strsignal (WTERMSIG (status)));
}

/* *SAMPLE is the next one, or NULL where it was interrupted.  0; an exit code after what went wrong
 * has been told, or -1 after a finding. */
static int
sample (const struct top *top, json_t **taken, char **told)
{
  int fd = memfd_create ("virtloom", MFD_CLOEXEC), result;
  FILE *file = fd < 0 ? NULL : fdopen (fd, "w+");
  size_t length;
  const char *why;

  *taken = NULL;
  *told = NULL;
  if (file == NULL)
    return vl_refuse (top->tool->call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  result = run_child (top, file);
  rewind (file);
  if (stopped)
    result = 0;
  else if (result == 0)
    *taken = json_loadf (file, 0, NULL);
  else if (result > 0) {
    (void)lseek (fd, 0, SEEK_SET);
    *told = vl_file_read_all (fd, INT32_MAX, &length, &why);
  }
  if (result == 0 && ! stopped && *taken == NULL)
    result = vl_refuse (top->tool->call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  fclose (file);
  return result;
}

/* ---- a round ---- */

/* The number of MEMBER, -1 where it is not known. */
static int64_t
number (const json_t *guest, const char *member)
{
  const json_t *value = guest ? json_object_get (guest, member) : NULL;

  return value ? json_integer_value (value) : -1;
}

/* What MEMBER of a guest has grown by in a second, times FACTOR: not known of one that was not
 * there, or has begun anew. */
static json_t *
rate (const json_t *was, const json_t *is, const char *member, double seconds, double factor)
{
  int64_t before = number (was, member), after = number (is, member);

  if (before < 0 || after < before || seconds <= 0)
    return json_null ();
  return json_integer ((json_int_t)((double)(after - before) * factor / seconds + 0.5));
}

static json_t *
row_of (const char *uuid, const json_t *was, const json_t *is, double seconds)
{
  static const char *const rates[][2] = {
    { "read", "read_bytes" },
    { "written", "write_bytes" },
    { "received", "rx_bytes" },
    { "sent", "tx_bytes" },
  };
  json_t *row = json_object ();
  int64_t memory = number (is, "memory");

  json_object_set (row, "name", json_object_get (is, "name"));
  json_object_set (row, "domain", json_object_get (is, "domain"));
  json_put (row, "uuid", uuid);
  json_object_set (row, "power_state", json_object_get (is, "power_state"));
  json_object_set_new (row, "cpu", rate (was, is, "cpu", seconds, 100.0 / (double)NS_PER_S));
  json_object_set_new (row, "memory_mb", memory < 0 ? json_null () : json_integer (memory));
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
    json_object_set_new (row, rates[i][1], rate (was, is, rates[i][0], seconds, 1));
  return row;
}

/* By what a row is sorted: a sum of members. */
static const struct order {
  const char *word, *members[2];
} orders[] = {
  { "cpu", { "cpu" } },
  { "memory", { "memory_mb" } },
  { "disk", { "read_bytes", "write_bytes" } },
  { "net", { "rx_bytes", "tx_bytes" } },
  { "name", { NULL } },
};
#define N_ORDERS (sizeof orders / sizeof orders[0])

struct sorted {
  json_t *row;
  int64_t sum;
  const char *name;
};

static int
compare (const void *a, const void *b)
{
  const struct sorted *one = a, *other = b;

  if (one->sum != other->sum)
    return one->sum > other->sum ? -1 : 1;
  return strcmp (one->name, other->name);
}

/* ROWS, which are taken, in ORDER. */
static json_t *
sort (json_t *rows, const char *order)
{
  size_t n = json_array_size (rows), at = 0;
  struct sorted *all = vl_xcalloc (n + 1, sizeof *all);
  json_t *result = json_array ();

  while (at < N_ORDERS - 1 && strcmp (orders[at].word, order) != 0)
    at++;
  for (size_t i = 0; i < n; i++) {
    json_t *row = json_array_get (rows, i);
    const char *name = json_string_value (json_object_get (row, "name"));

    all[i].row = row;
    all[i].name = name ? name : json_string_value (json_object_get (row, "domain"));
    for (size_t j = 0; j < 2 && orders[at].members[j]; j++)
      all[i].sum += json_integer_value (json_object_get (row, orders[at].members[j]));
  }
  qsort (all, n, sizeof *all, compare);
  for (size_t i = 0; i < n; i++)
    json_array_append (result, all[i].row);
  free (all);
  json_decref (rows);
  return result;
}

/* ---- showing it ---- */

static const struct column columns[] = {
  { "name", "Name" },
  { "domain", "Domain", 1 },
  { "uuid", "UUID", 1 },
  { "power_state", "Power state" },
  { "cpu", "CPU (%)" },
  { "memory_mb", "Memory (MiB)" },
  { "read_bytes", "Read (B/s)" },
  { "write_bytes", "Written (B/s)" },
  { "rx_bytes", "Received (B/s)" },
  { "tx_bytes", "Sent (B/s)" },
  { NULL, NULL },
};

static void
say (const char *text)
{
  fflush (stdout);
  (void)! vl_file_write_all (STDOUT_FILENO, text, strlen (text));
}

/* As many of ROWS, which are taken, as the terminal has lines for. */
static void
show_screen (const struct top *top, json_t *rows)
{
  struct winsize size = { 0 };
  size_t n = json_array_size (rows), most;

  (void)ioctl (STDOUT_FILENO, TIOCGWINSZ, &size);
  /* A terminal that does not say how large it is has as many lines as they had. */
  most = size.ws_row == 0 ? 24 - 3 : size.ws_row > 3 ? (size_t)size.ws_row - 3 : 1;
  while (json_array_size (rows) > most)
    json_array_remove (rows, json_array_size (rows) - 1);
  say (SCREEN_CLEAR);
  table_list (top->tool, rows, columns);
  if (n > most)
    printf ("and %zu more\n", n - most);
  fflush (stdout);
}

static void
show (const struct top *top, const json_t *sample, int64_t round)
{
  double seconds = (double)(number (sample, "at") - number (top->before, "at")) / (double)NS_PER_S;
  const json_t *old = json_object_get (top->before, "guests");
  json_t *rows = json_array (), *guest;
  const char *uuid;

  json_object_foreach (json_object_get (sample, "guests"), uuid, guest)
      json_array_append_new (rows, row_of (uuid, json_object_get (old, uuid), guest, seconds));
  rows = sort (rows, top->order);
  if (top->tool->json) {
    json_t *object = json_object ();
    char *text;

    json_object_set_new (object, "seconds", json_real (seconds));
    json_object_set (object, "servers", rows);
    text = json_dumps (object, JSON_COMPACT | JSON_REAL_PRECISION (6));
    printf ("%s\n", text);
    free (text);
    json_decref (object);
  } else if (top->terminal) {
    show_screen (top, rows);
  } else {
    if (round > 0)
      putchar ('\n');
    table_list (top->tool, rows, columns);
  }
  fflush (stdout);
  json_decref (rows);
}

/* Until the next round is due. */
static void
wait_until (int64_t due)
{
  struct timespec at = { .tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S };

  while (! stopped && clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
    continue;
}

static int
go_round (struct top *top, char **told)
{
  int64_t due = vl_clock_ns (), round = 0;
  int result = sample (top, &top->before, told);

  while (result == 0 && ! stopped && ! ferror (stdout) && round < top->rounds
         && vl_findings_exit_code (top->tool->app) == 0) {
    json_t *next;

    /* After a round that took long the next one is not at once. */
    due = vl_clock_ns () > due + top->delay ? vl_clock_ns () + top->delay : due + top->delay;
    wait_until (due);
    if (stopped)
      break;
    result = sample (top, &next, told);
    if (next) {
      show (top, next, round++);
      json_decref (top->before);
      top->before = next;
    }
  }
  return result;
}

static int
read_options (struct top *top)
{
  const char *order = args_value (top->tool->args, "sort");
  size_t i = 0;

  if (args_number (top->tool, "delay", DELAY, &top->delay) < 0
      || args_number (top->tool, "rounds", INT64_MAX, &top->rounds) < 0)
    return -1;
  top->delay *= NS_PER_S;
  top->order = order ? order : orders[0].word;
  while (i < N_ORDERS && strcmp (orders[i].word, top->order) != 0)
    i++;
  return i < N_ORDERS ? 0
                      : vl_refuse (top->tool->call, VL_ERR_USAGE, NULL, NULL,
                                   "--sort '%s'; accepted: cpu, memory, disk, net, name", order);
}

int
server_top (struct tool *tool)
{
  struct top top = { .tool = tool,
                     .terminal = isatty (STDOUT_FILENO) && strcmp (tool->format, "table") == 0 };
  char *told = NULL;
  int result;

  if (read_options (&top) < 0)
    return -1;
  tool->printed = 1;
  fault_on_stops (on_stop, 0, NULL); /* a pause ends with it */
  if (top.terminal)
    say (SCREEN_BEGIN SCREEN_CLEAR);
  result = go_round (&top, &told);
  if (top.terminal)
    say (SCREEN_END);
  if (told)
    fputs (told, stderr);
  free (told);
  json_decref (top.before);
  return result;
}
