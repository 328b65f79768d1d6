/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The connection to libvirt, its event loop, and how libvirt's errors become
 * findings.  The event loop is one thread for all connections of the process;
 * it runs from the first open to the last close. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <virtloom/storage.h>

#include "virt.h"

/* A remote daemon that says nothing for 2 s, three times, is gone. */
#define KEEPALIVE_SECONDS 2
#define KEEPALIVE_TIMES 3

static struct {
  pthread_mutex_t lock;
  pthread_t thread;
  unsigned users;
  int registered;
  atomic_int stop;
} loop = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
virt_cleanup_domain (virDomainPtr *domain)
{
  if (*domain)
    virDomainFree (*domain);
}

void
virt_cleanup_text (char **text)
{
  free (*text);
}

/* libvirt prints every error on stderr where nobody handles it; ours become
 * findings where they are read. */
static void
quiet (void *opaque, virErrorPtr error)
{
  (void)opaque;
  (void)error;
}

static void
wake (int timer, void *opaque)
{
  (void)timer;
  (void)opaque;
}

static void *
run_loop (void *opaque)
{
  (void)opaque;
  while (! atomic_load (&loop.stop))
    virEventRunDefaultImpl ();
  return NULL;
}

/* The loop has to be there before the first open.  Signals are left to the
 * threads of the application. */
static int
start_loop (void)
{
  sigset_t all, before;
  int failed = 0;

  pthread_mutex_lock (&loop.lock);
  if (! loop.registered)
    failed = virInitialize () < 0 || virEventRegisterDefaultImpl () < 0;
  loop.registered = ! failed;
  if (! failed && loop.users == 0) {
    atomic_store (&loop.stop, 0);
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    failed = pthread_create (&loop.thread, NULL, run_loop, NULL) != 0;
    pthread_sigmask (SIG_SETMASK, &before, NULL);
  }
  if (! failed)
    loop.users++;
  pthread_mutex_unlock (&loop.lock);
  return failed ? -1 : 0;
}

static void
stop_loop (void)
{
  pthread_mutex_lock (&loop.lock);
  if (--loop.users == 0) {
    int timer;

    atomic_store (&loop.stop, 1);
    timer = virEventAddTimeout (0, wake, NULL, NULL);
    pthread_join (loop.thread, NULL);
    if (timer >= 0)
      virEventRemoveTimeout (timer);
  }
  pthread_mutex_unlock (&loop.lock);
}

int
virt_last_code (void)
{
  virErrorPtr error = virGetLastError ();

  return error ? error->code : 0;
}

/* The error that a name was asked for to tell it; libvirt itself keeps one for each thread, too. */
static _Thread_local virErrorPtr aside;

const char *
virt_domain_name (virDomainPtr domain)
{
  virFreeError (aside);
  aside = virt_last_code () == VIR_ERR_OK ? NULL : virSaveLastError ();
  return virDomainGetName (domain);
}

static virErrorPtr
last_error (void)
{
  virErrorPtr error = virGetLastError ();

  return error ? error : aside;
}

static void
forget_error (void)
{
  virResetLastError ();
  virFreeError (aside);
  aside = NULL;
}

/* libvirt's message on one line: it may carry what QEMU printed. */
static const char *
last_message (char *text, size_t size)
{
  virErrorPtr error = last_error ();
  size_t i, n;

  snprintf (text, size, "%s", error && error->message ? error->message : "no reason given");
  n = strlen (text);
  while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '.' || text[n - 1] == ' '))
    text[--n] = '\0';
  for (i = 0; i < n; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
      text[i] = ' ';
  return text;
}

/* Which exit code libvirt's last error stands for; *CODE is Nova's name. */
static enum vl_err
classify (const char **code)
{
  virErrorPtr error = last_error ();

  *code = NULL;
  if (error == NULL)
    return VL_ERR_FAILED;
  switch (error->code) {
  case VIR_ERR_NO_DOMAIN:
    *code = "InstanceNotFound";
    return VL_ERR_NOT_FOUND;
  case VIR_ERR_CONFIG_UNSUPPORTED:
  case VIR_ERR_NO_SUPPORT:
  case VIR_ERR_OPERATION_UNSUPPORTED:
  case VIR_ERR_ARGUMENT_UNSUPPORTED:
    return VL_ERR_UNSUPPORTED;
  case VIR_ERR_AUTH_FAILED:
  case VIR_ERR_AUTH_CANCELLED:
  case VIR_ERR_AUTH_UNAVAILABLE:
  case VIR_ERR_ACCESS_DENIED:
  case VIR_ERR_OPERATION_DENIED:
    return VL_ERR_NOT_PERMITTED;
  case VIR_ERR_NO_CONNECT:
    return VL_ERR_UNREACHABLE;
  default:
    break;
  }
  /* After a daemon went away its errors come with changing codes, but always
   * from these two. */
  if (error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE)
    return VL_ERR_UNREACHABLE;
  *code = "InternalError";
  return VL_ERR_FAILED;
}

/* What libvirt says ends in the words for an errno where the kernel refused something.  One that
 * has a code and a remedy of its own is told with them: -1, else 0. */
static int
refuse_errno (struct vl_call *call, const char *what, const char *reason)
{
  static const int errors[] = { ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, ENOMEM };

  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    const char *end = strstr (reason, strerror (errors[i]));
    int length = end ? (int)(end - reason) : 0;

    while (length > 0 && strchr (": ", reason[length - 1]))
      length--;
    if (end)
      return vl_file_failed (call, vl_printf (call, "%s: %.*s", what, length, reason), NULL,
                             errors[i]);
  }
  return 0;
}

/* How QEMU says that another process has a disk's file locked. */
#define LOCKED_AS "Is another process using the image ["

/* REASON is such a message: who has the file is what can be mended. */
static int
refuse_locked (struct vl_call *call, const char *what, const char *reason)
{
  const char *path = strstr (reason, LOCKED_AS) + strlen (LOCKED_AS), *end = strchr (path, ']');
  const char *file = vl_printf (call, "%.*s", (int)(end ? end - path : 0), path);

  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", NULL,
                       "stop what has it; a volume is shared where each server's connection_info "
                       "says \"multiattach\": true",
                       "%s: \"%s\" is in use by %s", what, file, virt_file_holder (call, file));
}

int
virt_error (struct vl_call *call, const char *fmt, ...)
{
  char what[256], reason[1024];
  const char *code, *meaning,
      *mend = virt_remedy (call, last_error () ? last_error ()->message : "", &meaning);
  enum vl_err err = classify (&code);
  va_list args;

  va_start (args, fmt);
  vsnprintf (what, sizeof what, fmt, args);
  va_end (args);
  last_message (reason, sizeof reason);
  forget_error ();
  if (strstr (reason, " lock") && strstr (reason, LOCKED_AS))
    return refuse_locked (call, what, reason);
  if (meaning)
    vl_debug (call, "%s: %s", what, reason);
  if (mend)
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL, mend, "%s: %s",
                         what, meaning ? meaning : reason);
  return refuse_errno (call, what, reason) < 0
             ? -1
             : vl_refuse_as (call, err, code, NULL, NULL, "%s: %s", what, reason);
}

void
virt_warning (struct vl_call *call, const char *fmt, ...)
{
  char what[256], reason[1024];
  va_list args;

  va_start (args, fmt);
  vsnprintf (what, sizeof what, fmt, args);
  va_end (args);
  vl_warn (call, NULL, NULL, "%s: %s", what, last_message (reason, sizeof reason));
  forget_error ();
}

/* The lowest processor that this thread may run on, alone. */
static int
first_processor (const cpu_set_t *allowed, cpu_set_t *one)
{
  int i;

  CPU_ZERO (one);
  for (i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, allowed)) {
      CPU_SET (i, one);
      return 0;
    }
  return -1;
}

/* libvirt's driver throws away what it knows of QEMU, and asks for seconds
 * again, when the CPUID that it reads at its start is not the one it read
 * before.  CPUID holds numbers of the core it is read on, so the driver is
 * always started on the same one.  Opened without authentication call-backs: a
 * daemon that wants a password is refused. */
static virConnectPtr
connect_quietly (const struct vl_conn *how)
{
  cpu_set_t before, one;
  virConnectPtr virt;
  int pinned = how->embedded && sched_getaffinity (0, sizeof before, &before) == 0
               && first_processor (&before, &one) == 0
               && sched_setaffinity (0, sizeof one, &one) == 0;

  if (! how->own_loop)
    virSetErrorFunc (NULL, quiet);
  virt = how->read_only ? virConnectOpenReadOnly (how->uri) : virConnectOpen (how->uri);
  if (pinned)
    sched_setaffinity (0, sizeof before, &before);
  return virt;
}

static void
forget (struct vl_conn *conn)
{
  if (conn) {
    free (conn->uri);
    free (conn->state_dir);
    free (conn->hint);
    free (conn->environment);
  }
  free (conn);
}

/* This process is there for libvirt alone; else the application has been asked for it. */
static void
set_environment (struct vl_conn *conn)
{
  char *rest = conn->environment, *line;

  while ((line = strsep (&rest, "\n"))) {
    char *value = strchr (line, '=');

    if (value)
      *value++ = '\0';
    if (value)
      setenv (line, value, 0);
  }
}

int
virt_connect (struct vl_call *call, struct vl_conn *conn)
{
  char reason[1024];

  if (conn->apart)
    set_environment (conn);
  if (! conn->own_loop && start_loop () < 0)
    return virt_error (call, "cannot start libvirt's event loop");
  virt_give_room (call, conn);
  conn->virt = connect_quietly (conn);
  if (conn->virt == NULL) {
    vl_refuse_as (call, VL_ERR_UNREACHABLE, "HypervisorUnavailable", NULL, conn->hint,
                  "cannot connect to libvirt at '%s': %s", conn->uri,
                  last_message (reason, sizeof reason));
    virResetLastError ();
    if (! conn->own_loop)
      stop_loop ();
    return -1;
  }
  if (! conn->embedded
      && virConnectSetKeepAlive (conn->virt, KEEPALIVE_SECONDS, KEEPALIVE_TIMES) < 0)
    virResetLastError ();
  return 0;
}

int
virt_open (struct vl_call *call, const struct virt_open *how, struct vl_conn **conn)
{
  struct vl_conn *made = calloc (1, sizeof *made);
  int lock = 0;

  if (made) {
    made->uri = strdup (how->uri);
    made->state_dir = strdup (how->state_dir);
    made->hint = how->hint ? strdup (how->hint) : NULL;
    made->environment = how->environment ? strdup (how->environment) : NULL;
  }
  if (made == NULL || made->uri == NULL || made->state_dir == NULL) {
    forget (made);
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  }
  made->driver = how->driver;
  made->type = how->driver->type;
  made->soft_reboot_wait = how->soft_reboot_wait;
  made->open_timeout = how->open_timeout;
  made->detach_attempts = how->detach_attempts;
  made->detach_timeout = how->detach_timeout;
  made->embedded = how->embedded;
  made->apart = how->apart;
  made->guest_uid = how->guest_uid;
  made->guest_gid = how->guest_gid;
  made->log_bytes = how->log_bytes;
  made->own_loop = how->own_loop;
  made->read_only = how->read_only;
  made->take = how->take;
  /* What is taken here stays taken until the process ends, as libvirt's driver stays. */
  if (made->take && ! made->apart)
    lock = virt_busy (
        call, made, NULL,
        made->take (call, virt_root (call, made), vl_patience (call, made->open_timeout * 1000)));
  if (lock >= 0 && ! made->apart && (made->no_room = virt_take_room (call, made)))
    lock = virt_no_room (call, made, made->no_room);
  if (lock < 0 || (! made->apart && virt_connect (call, made) < 0)) {
    forget (made);
    return -1;
  }
  *conn = made;
  return 0;
}

void
virt_close (struct vl_conn *conn)
{
  if (conn == NULL)
    return;
  if (conn->virt) {
    virConnectClose (conn->virt);
    if (! conn->own_loop)
      stop_loop ();
  }
  forget (conn);
}
