/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Running outside programs: describes the job, has virtloom-confine do it, which gives
 * up rights in a process of its own (confine/), and judges its answer. */

#include <config.h>

#include "storage/storage.h"
#include "storage/tool.h"

#include "confine/job.h"
#include "lib/file.h"
#include "lib/text.h"
#include "lib/trust.h"
#include "plugin/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define DRIVE ((int64_t)64 << 20)
#define CONFINE "virtloom-confine"

static const char *const folders[] = { "/usr/bin", "/usr/sbin",      "/bin",
                                       "/sbin",    "/usr/local/bin", "/usr/local/sbin" };

/* What the core runs itself, the packages that bring it, and how many bytes it may
 * say where that is more than a little.  All of it may read what a tenant made, but for what
 * may use the network. */
static const struct {
  const char *name, *package;
  int64_t output;
  int connect;
} programs[] = {
  { "qemu-img", "qemu-utils", 0 },
  { "curl", "curl", 0, .connect = 1 },
  { "sha256sum", "coreutils", 0 },
  { "sha512sum", "coreutils", 0 },
  { "cp", "coreutils", 0 },
  { "mkfs.vfat", "dosfstools", 0 },
  { "mcopy", "mtools", 0 },
  { "mkswap", "util-linux", 0 },
  { "mkfs.ext2", "e2fsprogs", 0 },
  { "mkfs.ext3", "e2fsprogs", 0 },
  { "mkfs.ext4", "e2fsprogs", 0 },
  { "mkfs.xfs", "xfsprogs", 0 },
  { "genisoimage", "genisoimage", DRIVE },
  { "xorriso", "xorriso", DRIVE },
};

/* ---- finding programs, deadlines ---- */

const char *
vl_tool_find (struct vl_call *call, const char *name)
{
  /* A program of ours is where it was built until it is installed. */
  if (call->tree && VL_STARTS (name, VL_LIBEXECDIR "/"))
    name = vl_printf (call, "%s/helpers/%s", call->tree, name + strlen (VL_LIBEXECDIR "/"));
  if (*name == '/')
    return access (name, X_OK) == 0 ? name : NULL;
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    const char *path = vl_arena_printf (call->arena, "%s/%s", folders[i], name);

    if (access (path, X_OK) == 0)
      return path;
  }
  return NULL;
}

const char *
vl_tool_need (struct vl_call *call, const char *name, const char *package)
{
  const char *path = vl_tool_find (call, name);

  if (path == NULL) {
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ToolMissing", NULL,
                  package ? vl_printf (call, "apt-get install %s", package) : NULL,
                  "the program \"%s\" is not installed", name);
  }
  return path;
}

unsigned
vl_tool_time_for (int64_t bytes)
{
  /* 20 MB/s is slower than any disk that can hold a guest; a day is enough. */
  int64_t seconds = 60 + bytes / 20000000;

  return 1000 * (unsigned)(seconds < 86400 ? seconds : 86400);
}

/* ---- talking to virtloom-confine ---- */

/* Where the descriptors of a run belong; 2 is no place of virtloom-confine's, and the
 * program itself is kept there. */
enum { JOB = 0, ANSWER = 1, PROGRAM = 2, MOST_FDS = VL_CONFINE_FILE_0 + VL_TOOL_MOST_FILES };

struct run {
  struct vl_call *call;
  int fds[MOST_FDS]; /* above all places */
  const char *why;   /* it could not be started */
  siginfo_t end;     /* of virtloom-confine; all 0 where that is not known */
};

static void
run_free (struct run *run)
{
  for (int i = 0; i < MOST_FDS; i++)
    vl_cleanup_close (&run->fds[i]);
}
#define AUTORUN __attribute__ ((cleanup (run_free)))

static int
fail (struct run *run, const char *what)
{
  run->why = vl_printf (run->call, "%s: %s", what, strerror (errno));
  return -1;
}

/* Takes FD for place I; FD may be -1, with errno. */
static int
put (struct run *run, int i, int fd, const char *what)
{
  VL_AUTOCLOSE int low = fd;

  run->fds[i] = low < 0 ? -1 : fcntl (low, F_DUPFD_CLOEXEC, MOST_FDS);
  return run->fds[i] < 0 ? fail (run, what) : 0;
}

/* Opens a program by the path rule; -1 after a finding. */
static int
open_program (struct vl_call *call, const char *path, const char *hint)
{
  struct vl_trust trust;
  int fd = vl_trust_open (call->arena, path, O_PATH, &trust);

  if (fd < 0)
    vl_refuse_as (call, VL_ERR_NOT_PERMITTED, "ToolFailed", NULL, trust.hint ? trust.hint : hint,
                  "the program \"%s\" is not run: %s", path, trust.why);
  return fd;
}

/* Opens a program of ours; -1 after a finding. */
static int
open_own (struct vl_call *call, const char *name, const char *hint)
{
  return open_program (call,
                       call->tree ? vl_printf (call, "%s/confine/%s", call->tree, name)
                                  : vl_printf (call, VL_LIBEXECDIR "/%s", name),
                       hint);
}

int
vl_program_open (struct vl_call *call, const char *name)
{
  return name ? open_own (call, name, "make, or install virtloom once more")
              : vl_fault (call, "vl_program_open of a name that is NULL");
}

/* Readies RUN with virtloom-confine; -1 after a finding. */
static int
begin (struct run *run, struct vl_call *call)
{
  int fd;

  *run = (struct run) { .call = call };
  memset (run->fds, 0xff, sizeof run->fds);
  fd = open_own (call, CONFINE, "it runs all others: make, or install virtloom once more");
  if (fd < 0)
    return -1;
  put (run, PROGRAM, fd, CONFINE); /* else RUN->why is set */
  return 0;
}

/* Starts it with WORD, or NULL.  Answers its number, or -1 with RUN->why. */
static pid_t
spawn (struct run *run, const char *word)
{
  char *const argv[] = { (char *)CONFINE, (char *)word, NULL }, *const environment[] = { NULL };
  const char *program = vl_printf (run->call, "/proc/self/fd/%d", run->fds[PROGRAM]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  pid_t pid = -1;
  int error;

  sigfillset (&all);
  sigemptyset (&none);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes,
                            POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  posix_spawnattr_setsigdefault (&attributes, &all);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, PROGRAM, "/dev/null", O_RDWR, 0);
  for (int i = 0; i < MOST_FDS; i++)
    if (run->fds[i] >= 0 && i != PROGRAM)
      posix_spawn_file_actions_adddup2 (&actions, run->fds[i], i);
  error = posix_spawn (&pid, program, &actions, &attributes, argv, environment);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  errno = error;
  return error ? fail (run, CONFINE) : pid;
}

/* Waits for PID.  As of system(3), this thread hears no SIGCHLD of it, which was
 * blocked meanwhile: unless HEARD before, or another child has ended as well. */
static void
reap (struct run *run, pid_t pid, int heard)
{
  VL_AUTOCLOSE int pidfd = (int)syscall (SYS_pidfd_open, pid, 0);
  siginfo_t other = { 0 };
  sigset_t child, pending;

  /* Nothing hangs on it: a handler of the application may have waited for it. */
  while (waitid (P_PIDFD, (id_t)pidfd, &run->end, WEXITED) < 0 && errno == EINTR)
    ;
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  if (! heard && sigpending (&pending) == 0 && sigismember (&pending, SIGCHLD)
      && (waitid (P_ALL, 0, &other, WEXITED | WNOHANG | WNOWAIT) < 0 || other.si_pid == 0))
    sigtimedwait (&child, NULL, &(struct timespec) { 0, 0 });
}

/* Has virtloom-confine do what WORD, or else the job, says.  Answers what it says, LENGTH
 * bytes to be freed; NULL where it is not started, with RUN->why. */
static char *
ask (struct run *run, const char *word, size_t limit, size_t *length)
{
  sigset_t child, before, pending;
  int ends[2];
  char *answer = NULL;
  pid_t pid = -1;

  if (pipe2 (ends, O_CLOEXEC) < 0) {
    fail (run, "pipe");
    return NULL;
  }
  sigpending (&pending);
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  pthread_sigmask (SIG_BLOCK, &child, &before);
  if (put (run, ANSWER, ends[1], "pipe") == 0)
    pid = spawn (run, word);
  vl_cleanup_close (&run->fds[ANSWER]);
  run->fds[ANSWER] = -1;
  if (pid > 0)
    answer = vl_file_read_all (ends[0], limit, length, &run->why);
  close (ends[0]);
  if (pid > 0)
    reap (run, pid, sigismember (&pending, SIGCHLD));
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return answer;
}

int
vl_tool_lacks (struct vl_call *call, const char **what)
{
  AUTORUN struct run run;
  int result = begin (&run, call);
  size_t length;
  VL_AUTOFREE char *text = result < 0 || run.why ? NULL : ask (&run, "lacks", 100, &length);

  *what = text == NULL ? run.why : *text ? vl_arena_strdup (call->arena, text) : NULL;
  return result;
}

/* ---- describing the job ---- */

static void
add_text (struct vl_str *job, const char *text)
{
  vl_str_add_n (job, text ? text : "", text ? strlen (text) + 1 : 1);
}

/* How many texts there are in LIST. */
static uint32_t
add_list (struct vl_str *job, const char *const *list)
{
  uint32_t n = 0;

  for (; list && list[n]; n++)
    add_text (job, list[n]);
  return n;
}

/* The I-th of FILES, whose rows may be shorter than ours. */
static struct vl_tool_file
file_at (const struct vl_table *files, uint32_t i)
{
  struct vl_tool_file file = { .fd = -1 };

  memcpy (&file, (const char *)files->rows + i * files->row_size,
          files->row_size < sizeof file ? files->row_size : sizeof file);
  return file;
}

/* Opens the files, whose names become part of TEXTS. */
static int
add_files (struct run *run, const struct vl_table *files, struct vl_confine_job *job,
           struct vl_str *texts)
{
  if (files->count > VL_TOOL_MOST_FILES) {
    run->why = "more than 16 files are handed to it";
    return -1;
  }
  for (uint32_t i = 0; i < files->count; i++) {
    struct vl_tool_file file = file_at (files, i);
    const char *name = file.path ? file.path : "a file";

    if (put (run, VL_CONFINE_FILE_0 + (int)i,
             file.fd >= 0 ? dup (file.fd)
                          : open (file.path ? file.path : "", O_PATH | O_NOFOLLOW | O_CLOEXEC),
             vl_printf (run->call, "\"%s\" cannot be handed to it", name))
        < 0)
      return -1;
    job->writes |= (file.write ? 1u : 0u) << i;
    add_text (texts, name);
    add_text (texts, file.at);
  }
  job->n_files = files->count;
  return 0;
}

/* Writes the job into a file that nobody can change any more. */
static int
describe (struct run *run, const struct vl_tool_row *row, const char *program,
          const struct vl_tool *tool)
{
  const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  struct vl_confine_job job = { .version = VL_CONFINE_VERSION,
                                .deadline = tool->deadline,
                                .flags = row->flags,
                                .processes = row->processes,
                                .capabilities = row->capabilities,
                                .memory = row->memory,
                                .output = row->output,
                                .file_size = tool->file_size,
                                .input = tool->input ? tool->input_length : 0 };
  VL_AUTOSTR struct vl_str texts = { 0 };
  int fd;

  add_text (&texts, program);
  add_text (&texts, row->user);
  if (add_files (run, &tool->files, &job, &texts) < 0)
    return -1;
  job.n_args = add_list (&texts, tool->args);
  job.n_paths = add_list (&texts, row->paths);
  job.n_devices = add_list (&texts, row->devices);
  vl_str_add_n (&texts, tool->input, (size_t)job.input);
  if (put (run, JOB, memfd_create ("job", MFD_CLOEXEC | MFD_ALLOW_SEALING), "its job") < 0)
    return -1;
  fd = run->fds[JOB];
  return pwrite (fd, &job, sizeof job, 0) == (ssize_t)sizeof job
                 && pwrite (fd, texts.text, texts.length, sizeof job) == (ssize_t)texts.length
                 && fcntl (fd, F_ADD_SEALS, seals) == 0
             ? 0
             : fail (run, "its job");
}

/* ---- judging the answer ---- */

/* TEXT, LENGTH bytes from outside, fit for a terminal, line by line. */
static const char *
printable (struct vl_call *call, const char *text, size_t length)
{
  VL_AUTOSTR struct vl_str clean = { 0 };

  vl_str_add (&clean, "");
  for (size_t n; length; text += n, length -= n) {
    const char *end = memchr (text, '\n', length);
    VL_AUTOFREE char *line = vl_text_clean_n (text, end ? (size_t)(end - text) : length);

    vl_str_printf (&clean, "%s%s", line, end ? "\n" : "");
    n = end ? (size_t)(end - text) + 1 : length;
  }
  return vl_arena_strdup (call->arena, clean.text);
}

/* The lines of SAID as one, no longer than a message may be: the reason is in the first one of some
 * programs, and in the last one of others. */
static const char *
in_one_line (struct vl_call *call, const char *said)
{
  VL_AUTOSTR struct vl_str line = { 0 };
  size_t n;

  vl_str_add (&line, "");
  for (said += strspn (said, " \n"); *said; said += n, said += strspn (said, " \n")) {
    n = strcspn (said, "\n");
    vl_str_printf (&line, "%s%.*s", line.length ? "; " : "", (int)n, said);
  }
  if (line.length <= 400)
    return vl_arena_strdup (call->arena, line.text);
  for (n = 400; (line.text[n] & 0xc0) == 0x80; n--)
    ;
  return vl_printf (call, "%.*s...", (int)n, line.text);
}

/* Fills RESULT from ANSWER, which may be cut short: then nothing is known. */
static void
judge (struct run *run, const char *answer, size_t length, struct vl_tool_result *result)
{
  struct vl_call *call = run->call;
  struct vl_confine_end end;
  const char *said;
  char *out; /* not text: there may be any byte in it */

  memcpy (&end, answer, length < sizeof end ? 0 : sizeof end);
  if (length < sizeof end || end.problem > length || end.said > length || end.out > length
      || sizeof end + end.problem + end.said + end.out != length) {
    result->problem = vl_printf (call, "could not be waited for: its keeper %s",
                                 run->end.si_code == CLD_EXITED ? "ended" : "was killed");
    return;
  }
  answer += sizeof end;
  result->end = (enum vl_tool_end)end.end;
  result->status = end.status;
  if (end.problem)
    result->problem = vl_arena_strndup (call->arena, answer, end.problem);
  result->said = printable (call, answer + end.problem, end.said);
  result->out = out = vl_arena_alloc (call->arena, end.out + 1);
  memcpy (out, answer + end.problem + end.said, end.out);
  result->length = end.out;
  said = in_one_line (call, result->said);
  if (end.end == VL_TOOL_SIGNALLED)
    result->problem = vl_printf (call, "was ended by signal %d (%s)%s%s", end.status,
                                 strsignal (end.status), *said ? ": " : "", said);
  else if (end.end == VL_TOOL_EXITED && end.status)
    result->problem = *said ? said : vl_printf (call, "exited with %d", end.status);
}

int
vl_tool_try (struct vl_call *call, const struct vl_tool_row *row, const char *program,
             const struct vl_tool *tool, struct vl_tool_result *result)
{
  size_t limit = sizeof (struct vl_confine_end) + VL_CONFINE_PROBLEM + VL_CONFINE_SAID
                 + (size_t)(row->output ? row->output : VL_CONFINE_OUTPUT);
  AUTORUN struct run run;
  VL_AUTOFREE char *answer = NULL;
  size_t length;

  *result = (struct vl_tool_result) {
    .size = sizeof *result, .end = VL_TOOL_NOT_STARTED, .status = -1, .out = "", .said = ""
  };
  if (begin (&run, call) < 0) {
    result->problem = "there is nothing that confines it";
    return -1;
  }
  if (run.why == NULL && describe (&run, row, program, tool) == 0)
    answer = ask (&run, NULL, limit, &length);
  result->problem = run.why;
  if (answer) {
    result->end = VL_TOOL_UNKNOWN;
    judge (&run, answer, length, result);
  }
  return result->problem ? -1 : 0;
}

/* ---- running with findings ---- */

/* Of those FILES that are written to, the one with the least room around it, NULL where none is. */
static const char *
tightest (const struct vl_table *files)
{
  const char *path = NULL;
  uint64_t least = 0;

  for (uint32_t i = 0; i < files->count; i++) {
    struct vl_tool_file file = file_at (files, i);
    struct statvfs fs;
    uint64_t room;

    if (! file.write)
      continue;
    room = statvfs (file.path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
    if (path == NULL || room < least) {
      path = file.path;
      least = room;
    }
  }
  return path;
}

static int
run_row (struct vl_call *call, const struct vl_tool_row *row, const struct vl_tool *given,
         struct vl_tool_result *answer)
{
  struct vl_tool tool = { .size = sizeof tool };
  struct vl_tool_result result = { .size = sizeof result, .out = "", .said = "" };
  const char *program = vl_tool_need (call, row->program, row->package);
  VL_AUTOCLOSE int fd = program ? open_program (call, program, NULL) : -1;
  size_t errors = call->findings.n_errors;
  int full;

  memcpy (&tool, given, given->size < sizeof tool ? given->size : sizeof tool);
  if (fd >= 0)
    vl_tool_try (call, row, program, &tool, &result);
  if (answer) {
    result.size = answer->size < sizeof result ? answer->size : sizeof result;
    memcpy (answer, &result, result.size);
  }
  if (fd < 0 || result.problem == NULL || call->findings.n_errors > errors)
    return fd >= 0 && result.problem == NULL ? 0 : -1;
  if (tool.quiet && result.end != VL_TOOL_UNKNOWN && result.end != VL_TOOL_NOT_STARTED)
    return -1;
  full = strstr (result.said, "No space left on device")
         || strstr (result.said, "Disk quota exceeded");
  return vl_refuse_as (call, VL_ERR_FAILED, full ? "DiskFull" : "ToolFailed", NULL,
                       full ? vl_make_room (call, tightest (&tool.files)) : NULL,
                       "the program \"%s\" failed: %s", strrchr (program, '/') + 1, result.problem);
}

int
vl_tool_core (struct vl_call *call, const struct vl_tool *tool, struct vl_tool_result *result)
{
  struct vl_tool_row row = { .name = tool->name,
                             .program = tool->name,
                             .flags = VL_TOOL_TENANT | VL_TOOL_WRITES,
                             .memory = (int64_t)call->image_limits.gib << 30 };

  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
    if (VL_STREQ (programs[i].name, tool->name)) {
      row.package = programs[i].package;
      row.output = programs[i].output;
      if (programs[i].connect)
        row.flags = VL_TOOL_WRITES | VL_TOOL_CONNECT;
    }
  return run_row (call, &row, tool, result);
}

/* Row NAME; NULL after a PluginFault in VERB. */
static const struct vl_tool_row *
row_of (struct vl_call *call, const char *verb, const char *name)
{
  const struct vl_plugin *plugin = call->plugin;

  for (size_t i = 0; plugin && name && i < plugin->n_tools; i++)
    if (VL_STREQ (plugin->tools[i].name, name))
      return &plugin->tools[i];
  vl_fault (call, "%s of '%s', which is not in its table of tools", verb, name ? name : "");
  return NULL;
}

int
vl_tool_there (struct vl_call *call, const char *name)
{
  const struct vl_tool_row *row = row_of (call, "vl_tool_there", name);

  return row && vl_tool_find (call, row->program) != NULL;
}

int
vl_tool_run (struct vl_call *call, const struct vl_tool *tool, struct vl_tool_result *result)
{
  const struct vl_tool_row *row =
      vl_may_act (call, "vl_tool_run") < 0 ? NULL : row_of (call, "vl_tool_run", tool->name);

  return row ? run_row (call, row, tool, result) : -1;
}
