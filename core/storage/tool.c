/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The caller's side of running an outside program: prepares all that its child
 * needs, starts it, reads what it says, and ends it at its deadline. */

#include <config.h>

#include "storage/tool.h"

#include "lib/trust.h"
#include "lib/text.h"
#include "plugin/registry.h"
#include "storage/tool-child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define OUT_LIMIT ((int64_t)1 << 20)
#define DRIVE ((int64_t)64 << 20)
#define ERR_LIMIT ((int64_t)4096)
#define MEMORY ((int64_t)2 << 30)
#define PROCESSES 128u
#define OPEN_FILES 64u
#define DEADLINE 60000u
/* How long a program that was killed may take to be gone. */
#define GRACE 10000
/* Users that nobody has: above the ranges of people and of containers, and as many
 * as there may be processes. */
#define OWN_USERS 0x70000000u
#define NOBODY 65534u

static const char *const folders[] = { "/usr/bin", "/usr/sbin",      "/bin",
                                       "/sbin",    "/usr/local/bin", "/usr/local/sbin" };

/* What the core runs itself, the packages that bring it, and how many bytes it may
 * say where that is more than a little.  All of it may read what a tenant made. */
static const struct {
  const char *name, *package;
  int64_t output;
} programs[] = {
  { "qemu-img", "qemu-utils", 0 },  { "sha256sum", "coreutils", 0 },
  { "mkfs.vfat", "dosfstools", 0 }, { "mcopy", "mtools", 0 },
  { "mkswap", "util-linux", 0 },    { "mkfs.ext2", "e2fsprogs", 0 },
  { "mkfs.ext3", "e2fsprogs", 0 },  { "mkfs.ext4", "e2fsprogs", 0 },
  { "mkfs.xfs", "xfsprogs", 0 },    { "genisoimage", "genisoimage", DRIVE },
  { "xorriso", "xorriso", DRIVE },
};

/* ---- finding programs, deadlines ---- */

const char *
vl_tool_find (struct vl_call *call, const char *name)
{
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
vl_tool_inspect_time (const struct vl_call *call)
{
  return call->image_limits.seconds ? 1000 * call->image_limits.seconds : 30000;
}

unsigned
vl_tool_time_for (int64_t bytes)
{
  /* 20 MB/s is slower than any disk that can hold a guest; a day is enough. */
  int64_t seconds = 60 + bytes / 20000000;

  return 1000 * (unsigned)(seconds < 86400 ? seconds : 86400);
}

/* ---- preparing ---- */

/* One run: what the child needs, and the caller's ends. */
struct run {
  struct vl_call *call;
  const struct vl_tool_row *row;
  const struct vl_tool *tool;
  struct vl_tool_setup setup;
  uint32_t writes[VL_TOOL_MOST_FDS];
  int ends[3]; /* standard output, standard error, report: to be read */
  pid_t pid;   /* of the keeper */
  int pidfd;
  siginfo_t end; /* of the keeper, if ERROR is 0 */
  int error;
  unsigned deadline;      /* milliseconds */
  struct vl_str texts[3]; /* what came out of ENDS */
  int loud, late;
  const char *why;
};

static void
close_all (int *fds, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    if (fds[i] >= 0)
      close (fds[i]);
    fds[i] = -1;
  }
}

static int
fail (struct run *run, const char *what)
{
  run->why = vl_arena_printf (run->call->arena, "%s: %s", what, strerror (errno));
  return -1;
}

/* Has this process's user namespace user ID?  Groups are mapped as users are. */
static int
exists (unsigned id)
{
  VL_AUTOFCLOSE FILE *map = fopen ("/proc/self/uid_map", "re");
  unsigned first, outside, n;

  while (map && fscanf (map, "%u %u %u", &first, &outside, &n) == 3)
    if (id >= first && id - first < n)
      return 1;
  return 0;
}

static int
choose_user (struct run *run)
{
  struct vl_tool_setup *setup = &run->setup;
  const char *name = run->row->user;
  struct passwd entry, *found = NULL;
  unsigned own = OWN_USERS + (unsigned)gettid ();
  char names[1024];

  /* Root of a user namespace that has no other user is a user like any. */
  setup->root = geteuid () == 0 && exists (NOBODY);
  setup->uid = geteuid ();
  setup->gid = getegid ();
  setup->capabilities = run->row->capabilities;
  if (! setup->root && (name || setup->capabilities)) {
    run->why = "its row asks for a user or capabilities, which only root can give";
    return -1;
  }
  if (name) {
    if (getpwnam_r (name, &entry, names, sizeof names, &found) != 0 || found == NULL) {
      run->why = vl_arena_printf (run->call->arena, "there is no user \"%s\" on this host", name);
      return -1;
    }
    setup->uid = found->pw_uid;
    setup->gid = found->pw_gid;
  } else if (setup->root)
    setup->uid = setup->gid = exists (own) ? own : NOBODY;
  return 0;
}

/* Where a file cannot be lent to the user that was chosen, another one is, and all
 * are lent to that one. */
static int
lend_files (struct run *run)
{
  const struct vl_table *files = &run->tool->files;
  struct vl_tool_setup *setup = &run->setup;

  if (files->count > VL_TOOL_MOST_FILES) {
    run->why = "more than 16 files are handed to it";
    return -1;
  }
  for (uint32_t i = 0; i < files->count; i++) {
    struct vl_tool_file file = { .fd = -1 };
    int owner = setup->owner;

    memcpy (&file, (const char *)files->rows + i * files->row_size,
            files->row_size < sizeof file ? files->row_size : sizeof file);
    if (file.write && ! (run->row->flags & VL_TOOL_WRITES)) {
      run->why = "a file is handed to it for writing, which its row does not ask for";
      return -1;
    }
    setup->fds[3 + i] = vl_tool_lend (run->call, setup, &file, &run->why);
    if (setup->fds[3 + i] < 0)
      return -1;
    setup->n_fds = 3 + i + 1;
    run->writes[3 + i] = file.write;
    if (file.at) {
      setup->at[3 + i] = vl_arena_printf (run->call->arena, "/run/%s", file.at);
      setup->link[3 + i] = vl_arena_printf (run->call->arena, "/proc/self/fd/%u", 3 + i);
    }
    if (setup->owner != owner) {
      close_all (setup->fds + 3, i + 1);
      setup->n_fds = 3;
      i = (uint32_t)-1;
    }
  }
  return 0;
}

static int
make_streams (struct run *run)
{
  struct vl_tool_setup *setup = &run->setup;
  int *to[] = { &setup->fds[1], &setup->fds[2], &setup->report };

  for (int i = 0; i < 3; i++) {
    int ends[2];

    if (pipe2 (ends, O_CLOEXEC) < 0)
      return fail (run, "pipe");
    run->ends[i] = ends[0];
    *to[i] = ends[1];
    if (fcntl (ends[0], F_SETFL, O_NONBLOCK) < 0)
      return fail (run, "pipe");
  }
  /* A file, not a pipe: nothing is written while the program may be gone. */
  setup->fds[0] = run->tool->input ? memfd_create ("input", MFD_CLOEXEC)
                                   : open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (setup->fds[0] < 0
      || (run->tool->input
          && pwrite (setup->fds[0], run->tool->input, run->tool->input_length, 0)
                 != (ssize_t)run->tool->input_length))
    return fail (run, "its standard input");
  return 0;
}

static void
limit (struct run *run, int what, uint64_t most)
{
  run->setup.limits[run->setup.n_limits].what = what;
  run->setup.limits[run->setup.n_limits++].most = most;
}

static void
set_limits (struct run *run)
{
  const struct vl_tool_row *row = run->row;

  run->setup.n_limits = 0;
  limit (run, RLIMIT_AS, (uint64_t)(row->memory ? row->memory : MEMORY));
  limit (run, RLIMIT_CPU, (run->deadline + 999) / 1000);
  limit (run, RLIMIT_CORE, 0);
  limit (run, RLIMIT_FSIZE, run->tool->file_size > 0 ? (uint64_t)run->tool->file_size : 0);
  limit (run, RLIMIT_NOFILE, OPEN_FILES);
  limit (run, RLIMIT_MEMLOCK, 0);
  /* Processes are counted by user: only one's own can be. */
  if (run->setup.root ? run->setup.uid >= OWN_USERS : run->setup.namespaces & CLONE_NEWUSER)
    limit (run, RLIMIT_NPROC, (row->processes ? row->processes : PROCESSES) + 1);
}

static unsigned long
wanted_namespaces (const struct vl_tool_row *row, int root)
{
  /* What may administer the system acts on the host's own mounts. */
  unsigned long mounts = row->capabilities >> CAP_SYS_ADMIN & 1 ? 0 : CLONE_NEWNS | CLONE_NEWIPC;

  return mounts | CLONE_NEWPID | (row->flags & VL_TOOL_CONNECT ? 0 : CLONE_NEWNET)
         | (root ? 0 : CLONE_NEWUSER);
}

/* Makes the child, in as many namespaces of its own as it may have. */
static int
start (struct run *run)
{
  struct vl_tool_setup *setup = &run->setup;
  unsigned long wanted = wanted_namespaces (run->row, setup->root);

  snprintf (setup->uid_map, sizeof setup->uid_map, "%u %u 1", geteuid (), geteuid ());
  snprintf (setup->gid_map, sizeof setup->gid_map, "%u %u 1", getegid (), getegid ());
  for (int i = 0; i < 2 && run->pid <= 0; i++) {
    setup->namespaces = i == 0 ? wanted : 0;
    setup->own_run = (setup->namespaces & CLONE_NEWNS) && ! (run->row->flags & VL_TOOL_CONNECT);
    set_limits (run);
    for (unsigned k = 3; k < setup->n_fds; k++)
      if (setup->at[k] && ! setup->own_run) {
        run->why = "a file cannot be put below its /run: that takes a namespace of mounts, and a "
                   "row without VL_TOOL_CONNECT";
        return -1;
      }
    run->pid = vl_tool_clone (setup->namespaces, &run->pidfd);
    if (run->pid == 0)
      vl_tool_child (setup);
  }
  return run->pid < 0 ? fail (run, "fork") : 0;
}

static int
prepare (struct run *run, const char *program)
{
  struct vl_tool_setup *setup = &run->setup;
  const char *const *args = run->tool->args;
  size_t n = 0;
  const char **argv;

  while (args && args[n])
    n++;
  setup->program = program;
  setup->argv = argv = vl_arena_alloc (run->call->arena, (n + 2) * sizeof *argv);
  argv[0] = program;
  memcpy (argv + 1, args ? args : argv, n * sizeof *argv);
  if (choose_user (run) < 0 || lend_files (run) < 0 || make_streams (run) < 0
      || vl_tool_rules (run->call, setup, run->row, run->writes, &run->why) < 0
      || vl_tool_filter (run->call, run->row, &setup->filter, &run->why) < 0)
    return -1;
  return start (run);
}

/* ---- waiting ---- */

static int64_t
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads what end I has; what is more than its limit is thrown away.  1 if there was
 * something. */
static int
drain (struct run *run, int i)
{
  const size_t most[] = { (size_t)(run->row->output ? run->row->output : OUT_LIMIT), ERR_LIMIT,
                          sizeof (struct vl_tool_report) };
  size_t room = most[i] - run->texts[i].length;
  char piece[16384];
  ssize_t got = run->ends[i] < 0 ? 0 : read (run->ends[i], piece, sizeof piece);

  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return 0;
  if (got <= 0) {
    close_all (&run->ends[i], 1);
    return 0;
  }
  run->loud |= i == 0 && (size_t)got > room;
  vl_str_add_n (&run->texts[i], piece, (size_t)got < room ? (size_t)got : room);
  return 1;
}

static int
reported (const struct run *run)
{
  return run->texts[2].length == sizeof (struct vl_tool_report);
}

/* Reads until the program has ended, its deadline has passed or it has said too
 * much; then ends whatever is left of it. */
static void
collect (struct run *run)
{
  int64_t end = now_ms () + run->deadline, left;
  struct pollfd keeper = { run->pidfd, POLLIN, 0 };

  while (! run->loud && ! run->late && ! reported (run) && run->ends[2] >= 0) {
    struct pollfd polls[3];

    for (int i = 0; i < 3; i++)
      polls[i] = (struct pollfd) { run->ends[i], POLLIN, 0 };
    left = end - now_ms ();
    run->late = left <= 0;
    if (! run->late && poll (polls, 3, left < GRACE ? (int)left : GRACE) > 0)
      for (int i = 0; i < 3; i++)
        if (polls[i].revents)
          drain (run, i);
  }
  kill (-run->pid, SIGKILL);
  syscall (SYS_pidfd_send_signal, run->pidfd, SIGKILL, NULL, 0);
  run->end.si_code = 0;
  /* Made without an exit signal: no handler of the application hears of it, and none
   * of its calls of wait takes it away. */
  if (poll (&keeper, 1, GRACE) <= 0)
    errno = ETIMEDOUT;
  else if (waitid (P_PIDFD, (id_t)run->pidfd, &run->end, WEXITED | __WALL) == 0)
    errno = 0;
  run->error = errno;
  /* No more than a pipe can hold: what could not be ended may go on writing. */
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 64 && drain (run, i); k++)
      ;
}

/* ---- judging ---- */

/* TEXT, LENGTH bytes from outside, fit for a terminal, line by line. */
static const char *
printable (struct vl_call *call, const char *text, size_t length)
{
  VL_AUTOSTR struct vl_str clean = { 0 };

  vl_str_add (&clean, "");
  while (length) {
    const char *end = memchr (text, '\n', length);
    size_t n = end ? (size_t)(end - text) : length;
    VL_AUTOFREE char *line = vl_text_clean_n (text, n);

    vl_str_add (&clean, line);
    if (end)
      vl_str_add (&clean, "\n");
    text += n + (end != NULL);
    length -= n + (end != NULL);
  }
  return vl_arena_strdup (call->arena, clean.text);
}

/* The first line of SAID, no longer than a message may be. */
static const char *
first_line (struct vl_call *call, const char *said)
{
  size_t n;

  said += strspn (said, " \n");
  n = strcspn (said, "\n");
  if (n <= 400)
    return vl_arena_strndup (call->arena, said, n);
  for (n = 400; (said[n] & 0xc0) == 0x80; n--)
    ;
  return vl_arena_printf (call->arena, "%.*s...", (int)n, said);
}

/* How it ended, by what its keeper said and what became of that. */
static void
judge (struct run *run, struct vl_tool_result *result)
{
  struct vl_arena *arena = run->call->arena;
  struct vl_tool_report report = { NULL, 0 };
  const char *said;
  char *out; /* not text: there may be any byte in it */

  memcpy (&report, reported (run) ? (const void *)run->texts[2].text : &report, sizeof report);
  out = vl_arena_alloc (arena, run->texts[0].length + 1);
  if (run->texts[0].text)
    memcpy (out, run->texts[0].text, run->texts[0].length);
  result->out = out;
  result->length = run->texts[0].length;
  result->said = printable (run->call, run->texts[1].text, run->texts[1].length);
  said = first_line (run->call, result->said);
  if (run->loud) {
    result->end = VL_TOOL_TOO_LOUD;
    result->problem =
        vl_arena_printf (arena, "said more than %lld bytes",
                         (long long)(run->row->output ? run->row->output : OUT_LIMIT));
  } else if (run->late) {
    result->end = VL_TOOL_TOO_LONG;
    result->problem =
        vl_arena_printf (arena, "took longer than %g seconds", run->deadline / 1000.0);
  } else if (! reported (run)) {
    /* The keeper speaks before it ends, unless something ended it. */
    result->problem = vl_arena_printf (arena, "could not be waited for: %s",
                                       run->error                       ? strerror (run->error)
                                       : run->end.si_code == CLD_EXITED ? "its keeper ended"
                                                                        : "its keeper was killed");
  } else if (report.step) {
    result->end = VL_TOOL_NOT_STARTED;
    result->problem = vl_arena_printf (arena, "%s: %s", report.step, strerror (report.value));
  } else if (WIFSIGNALED (report.value)) {
    result->end = VL_TOOL_SIGNALLED;
    result->status = WTERMSIG (report.value);
    result->problem = vl_arena_printf (arena, "was ended by signal %d (%s)%s%s", result->status,
                                       strsignal (result->status), *said ? ": " : "", said);
  } else if (WIFEXITED (report.value)) {
    result->end = VL_TOOL_EXITED;
    result->status = WEXITSTATUS (report.value);
    if (result->status)
      result->problem = *said ? said : vl_arena_printf (arena, "exited with %d", result->status);
  } else
    result->problem = "ended in a way that is not known";
}

int
vl_tool_try (struct vl_call *call, const struct vl_tool_row *row, const char *program,
             const struct vl_tool *tool, struct vl_tool_result *result)
{
  struct run run = { .call = call, .row = row, .tool = tool, .ends = { -1, -1, -1 }, .pidfd = -1 };
  int started;

  *result = (struct vl_tool_result) { .size = sizeof *result, .status = -1, .out = "", .said = "" };
  run.deadline = tool->deadline ? tool->deadline : DEADLINE;
  run.setup = (struct vl_tool_setup) { .n_fds = 3, .report = -1, .ruleset = -1 };
  for (int i = 0; i < VL_TOOL_MOST_FDS; i++)
    run.setup.fds[i] = -1;
  started = prepare (&run, program) == 0;
  close_all (run.setup.fds, VL_TOOL_MOST_FDS);
  close_all (&run.setup.report, 1);
  close_all (&run.setup.ruleset, 1);
  if (started) {
    collect (&run);
    judge (&run, result);
  } else {
    result->end = VL_TOOL_NOT_STARTED;
    result->problem = run.why;
  }
  close_all (run.ends, 3);
  close_all (&run.pidfd, 1);
  for (int i = 0; i < 3; i++)
    vl_str_free (&run.texts[i]);
  return result->problem ? -1 : 0;
}

/* ---- running with findings ---- */

static int
run_row (struct vl_call *call, const struct vl_tool_row *row, const struct vl_tool *given,
         struct vl_tool_result *answer)
{
  struct vl_tool tool = { .size = sizeof tool };
  struct vl_tool_result result = { .size = sizeof result, .out = "", .said = "" };
  const char *program = vl_tool_need (call, row->program, row->package);
  struct vl_trust trust;
  VL_AUTOCLOSE int fd = program ? vl_trust_open (call->arena, program, O_PATH, &trust) : -1;
  int full;

  memcpy (&tool, given, given->size < sizeof tool ? given->size : sizeof tool);
  if (program && fd < 0)
    return vl_refuse_as (call, VL_ERR_NOT_PERMITTED, "ToolFailed", NULL, trust.hint,
                         "the program \"%s\" is not run: %s", program, trust.why);
  if (program)
    vl_tool_try (call, row, program, &tool, &result);
  if (answer) {
    result.size = answer->size < sizeof result ? answer->size : sizeof result;
    memcpy (answer, &result, result.size);
  }
  if (program == NULL || result.problem == NULL)
    return program ? 0 : -1;
  full = strstr (result.said, "No space left on device")
         || strstr (result.said, "Disk quota exceeded");
  return vl_refuse_as (call, VL_ERR_FAILED, full ? "DiskFull" : "ToolFailed", NULL,
                       full ? "make room on the disk that holds the STATE folder, then try again"
                            : NULL,
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
