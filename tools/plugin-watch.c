/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a module asks the system for while a guest is planned, which is nothing but
 * memory: a filter (seccomp) turns every other system call of this process into a
 * signal, whose handler knows whose code runs.  It notes what is the module's and then
 * makes the call in its place, from the one address that the filter lets through.  The
 * time is asked without a system call, from pages that the kernel keeps up to date, or of the
 * processor: where that can go by single steps, both are closed but for who asks. */

#include <config.h>

#include "plugin-check.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if (defined __x86_64__ || defined __aarch64__) && ! defined __SANITIZE_ADDRESS__

static struct tap *shared;
static const char *watched_name;

/* ---- making a system call from a known address ---- */

long watch_call (long number, const long *arguments);
extern const char watch_called[];

#if defined __x86_64__
__asm__(".text\n"
        ".type watch_call, @function\n"
        "watch_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %r11\n"
        "  mov 0(%r11), %rdi\n"
        "  mov 8(%r11), %rsi\n"
        "  mov 16(%r11), %rdx\n"
        "  mov 24(%r11), %r10\n"
        "  mov 32(%r11), %r8\n"
        "  mov 40(%r11), %r9\n"
        "  syscall\n"
        "watch_called:\n"
        "  ret\n"
        ".size watch_call, . - watch_call\n");

static void
arguments_of (const ucontext_t *context, long *arguments)
{
  static const int places[] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };

  for (int i = 0; i < 6; i++)
    arguments[i] = (long)context->uc_mcontext.gregs[places[i]];
}

static void
answer (ucontext_t *context, long value)
{
  context->uc_mcontext.gregs[REG_RAX] = value;
}
#else
__asm__(".text\n"
        ".type watch_call, %function\n"
        "watch_call:\n"
        "  mov x8, x0\n"
        "  mov x9, x1\n"
        "  ldp x0, x1, [x9]\n"
        "  ldp x2, x3, [x9, #16]\n"
        "  ldp x4, x5, [x9, #32]\n"
        "  svc #0\n"
        "watch_called:\n"
        "  ret\n"
        ".size watch_call, . - watch_call\n");

static void
arguments_of (const ucontext_t *context, long *arguments)
{
  for (int i = 0; i < 6; i++)
    arguments[i] = (long)context->uc_mcontext.regs[i];
}

static void
answer (ucontext_t *context, long value)
{
  context->uc_mcontext.regs[0] = (unsigned long long)value;
}
#endif

/* ---- what is asked for ---- */

static const struct {
  int number;
  const char *name;
} names[] = {
#define NAME(name_)                                                                                \
  {                                                                                                \
    SYS_##name_, #name_                                                                            \
  }
  NAME (openat),
  NAME (openat2),
  NAME (read),
  NAME (write),
  NAME (writev),
  NAME (close),
  NAME (getpid),
  NAME (getppid),
  NAME (gettid),
  NAME (clock_gettime),
  NAME (gettimeofday),
  NAME (nanosleep),
  NAME (clock_nanosleep),
  NAME (clone),
  NAME (clone3),
  NAME (execve),
  NAME (socket),
  NAME (connect),
  NAME (chdir),
  NAME (fchdir),
  NAME (umask),
  NAME (kill),
  NAME (tkill),
  NAME (setuid),
  NAME (setreuid),
  NAME (setresuid),
  NAME (setgid),
  NAME (rt_sigaction),
  NAME (rt_sigprocmask),
  NAME (sigaltstack),
  NAME (prlimit64),
  NAME (setrlimit),
  NAME (getrandom),
  NAME (newfstatat),
  NAME (statx),
  NAME (fstat),
  NAME (faccessat),
  NAME (faccessat2),
  NAME (readlinkat),
  NAME (getdents64),
  NAME (uname),
  NAME (sysinfo),
  NAME (getcwd),
  NAME (getuid),
  NAME (geteuid),
  NAME (ioctl),
  NAME (fcntl),
  NAME (dup),
  NAME (dup3),
  NAME (pipe2),
  NAME (unlinkat),
  NAME (mkdirat),
  NAME (renameat2),
  NAME (fchmod),
  NAME (prctl),
  NAME (wait4),
  NAME (lseek),
  NAME (pread64),
  NAME (memfd_create),
  NAME (close_range),
  NAME (setpriority),
  NAME (sched_setaffinity),
  NAME (setsid),
  NAME (setpgid),
  NAME (ptrace),
#if defined __x86_64__
  NAME (open),
  NAME (stat),
  NAME (lstat),
  NAME (access),
  NAME (readlink),
  NAME (time),
  NAME (fork),
  NAME (vfork),
  NAME (alarm),
  NAME (pipe),
  NAME (unlink),
  NAME (mkdir),
  NAME (rename),
  NAME (creat),
  NAME (poll),
  NAME (dup2),
  NAME (pause),
  NAME (getpgrp),
#endif
#undef NAME
};

static void
add (char *text, size_t size, const char *more)
{
  size_t n = strlen (text);

  while (*more && n + 1 < size)
    text[n++] = *more++;
  text[n] = '\0';
}

static void
note_asked (const char *what, const char *phase)
{
  if (shared->asked[0])
    return;
  add (shared->asked, sizeof shared->asked, what);
  add (shared->asked, sizeof shared->asked, " in ");
  add (shared->asked, sizeof shared->asked, phase);
}

static void
note_call (int number, const char *phase)
{
  char digits[32] = "system call ", *p = digits + sizeof digits - 1;

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].number == number) {
      note_asked (names[i].name, phase);
      return;
    }
  for (unsigned rest = (unsigned)number; rest || *p == '\0'; rest /= 10)
    *--p = (char)('0' + rest % 10);
  memmove (digits + strlen (digits), p, strlen (p) + 1);
  note_asked (digits, phase);
}

/* 0 where the call is made; else what is answered instead.  A thread or a process on
 * another stack cannot begin here. */
static long
instead (int number, const long *arguments)
{
  if (number == SYS_clone3)
    return -ENOSYS;
  if (number == SYS_clone && (arguments[0] & CLONE_VM))
    return -EPERM;
#if defined __x86_64__
  if (number == SYS_vfork)
    return -EPERM;
#endif
  return 0;
}

/* The signal that is the watch must not be blocked. */
static long
set_mask (ucontext_t *context, const long *arguments)
{
  sigset_t *mask = &context->uc_sigmask;
  uint64_t was, now, set = 0;

  memcpy (&was, mask, sizeof was);
  now = was;
  if (arguments[1])
    memcpy (&set, (const void *)arguments[1], sizeof set);
  if (arguments[1])
    now = arguments[0] == SIG_BLOCK ? was | set : arguments[0] == SIG_UNBLOCK ? was & ~set : set;
  if (arguments[2])
    memcpy ((void *)arguments[2], &was, sizeof was);
  now &= ~(UINT64_C (1) << (SIGSYS - 1));
  memcpy (mask, &now, sizeof now);
  return 0;
}

static void
on_call (int signal_number, siginfo_t *info, void *opaque)
{
  struct vl_fault fault;
  long arguments[6], result;
  int saved = errno;

  (void)signal_number;
  arguments_of (opaque, arguments);
  if (vl_app_fault (&fault) && strcmp (fault.plugin, watched_name) == 0)
    note_call (info->si_syscall, fault.phase);
  result = instead (info->si_syscall, arguments);
  if (info->si_syscall == SYS_rt_sigprocmask)
    result = set_mask (opaque, arguments);
  else if (result == 0)
    result = watch_call (info->si_syscall, arguments);
  errno = saved;
  answer (opaque, result);
}

/* ---- the time ---- */

#if defined __x86_64__
#define TRAP_FLAG 0x100

static struct {
  uintptr_t clock, clock_end; /* the pages with the time */
  uintptr_t code, code_end;   /* whose code reads them */
  struct sigaction before;    /* of SIGSEGV */
} pages;

static void
close_clock (int closed)
{
  const long arguments[6] = { PR_SET_TSC, closed ? PR_TSC_SIGSEGV : PR_TSC_ENABLE };

  mprotect ((void *)pages.clock, pages.clock_end - pages.clock, closed ? PROT_NONE : PROT_READ);
  watch_call (SYS_prctl, arguments);
}

/* Does the code at AT ask the processor for the time: rdtsc, rdtscp? */
static int
asks_processor (uintptr_t at)
{
  static const unsigned char forms[2][3] = { { 0x0f, 0x31 }, { 0x0f, 0x01, 0xf9 } };

  return memcmp ((const void *)at, forms[0], 2) == 0 || memcmp ((const void *)at, forms[1], 3) == 0;
}

/* Opens both until the kernel's code has returned, or for one step of other code. */
static void
on_clock (int signal_number, siginfo_t *info, void *opaque)
{
  ucontext_t *context = opaque;
  uintptr_t address = (uintptr_t)info->si_addr;
  struct vl_fault fault;

  /* The processor says of an instruction that may not be neither where nor why. */
  if (! (info->si_code == SI_KERNEL
         && asks_processor ((uintptr_t)context->uc_mcontext.gregs[REG_RIP]))
      && (address < pages.clock || address >= pages.clock_end)) {
    sigaction (signal_number, &pages.before, NULL);
    return;
  }
  if (vl_app_fault (&fault) && strcmp (fault.plugin, watched_name) == 0)
    note_asked ("the time", fault.phase);
  close_clock (0);
  context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void
on_step (int signal_number, siginfo_t *info, void *opaque)
{
  ucontext_t *context = opaque;
  uintptr_t at = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];

  (void)signal_number;
  (void)info;
  if (at >= pages.code && at < pages.code_end)
    return;
  context->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
  close_clock (1);
}

void
watch_time (int on)
{
  if (pages.clock)
    close_clock (on);
}

static void
find_clock (void)
{
  struct sigaction clock = { .sa_sigaction = on_clock,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_NODEFER };
  FILE *maps = fopen ("/proc/self/maps", "re");
  uintptr_t from, to;
  char line[512];

  while (maps && fgets (line, sizeof line, maps))
    if (sscanf (line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2) {
      if (strstr (line, "[vvar")) {
        pages.clock = pages.clock ? pages.clock : from;
        pages.clock_end = to;
      } else if (strstr (line, "[vdso]")) {
        pages.code = from;
        pages.code_end = to;
      }
    }
  if (maps)
    fclose (maps);
  if (pages.code == 0)
    pages.clock = 0;
  if (pages.clock == 0)
    return;
  sigaction (SIGTRAP, &step, NULL);
  sigaction (SIGSEGV, &clock, &pages.before);
}
#else
void
watch_time (int on)
{
  (void)on;
}

static void
find_clock (void)
{
}
#endif

/* ---- the filter ---- */

void
watch_begin (struct checking *c)
{
  /* Memory, locks of one's own, and what ends the process. */
  static const unsigned let[] = { SYS_mmap,    SYS_munmap,     SYS_mremap, SYS_brk,
                                  SYS_madvise, SYS_mprotect,   SYS_futex,  SYS_rt_sigreturn,
                                  SYS_exit,    SYS_exit_group, SYS_tgkill, SYS_restart_syscall };
  enum { N = sizeof let / sizeof let[0] };
  uintptr_t here = (uintptr_t)watch_called;
  struct sock_filter filter[N + 9];
  struct sock_fprog program = { .filter = filter };
  struct sigaction action = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER };
  size_t n = 0;

#define LOAD(member_)                                                                              \
  (struct sock_filter)                                                                             \
      BPF_STMT (BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof (struct seccomp_data, member_))
  filter[n++] = LOAD (instruction_pointer);
  filter[n++] = (struct sock_filter)BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K,
                                              (unsigned)(here & 0xffffffffu), 0, 3);
  filter[n++] = (struct sock_filter)BPF_STMT (
      BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof (struct seccomp_data, instruction_pointer) + 4);
  filter[n++] = (struct sock_filter)BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K,
                                              (unsigned)((uint64_t)here >> 32), 0, 1);
  filter[n++] = (struct sock_filter)BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[n++] = LOAD (nr);
  for (size_t i = 0; i < N; i++)
    filter[n++] =
        (struct sock_filter)BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, let[i], (unsigned char)(N - i), 0);
  filter[n++] = (struct sock_filter)BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_TRAP);
  filter[n++] = (struct sock_filter)BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
#undef LOAD
  program.len = (unsigned short)n;
  shared = c->tap;
  watched_name = c->name;
  find_clock ();
  shared->watched = sigaction (SIGSYS, &action, NULL) == 0
                    && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                    && prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#else

void
watch_begin (struct checking *c)
{
  c->tap->watched = 0;
}

void
watch_time (int on)
{
  (void)on;
}

#endif
