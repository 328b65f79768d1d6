/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a confined program can do, tried from inside: "tool-probe calls" says of each
 * system call whether it is refused, "tool-probe sockets" of each family, and
 * "tool-probe connect PORT" whether a port of this machine is reached. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
tell (const char *what, long result)
{
  printf ("%s: %s\n", what, result >= 0 ? "done" : strerror (errno));
}

/* Bad arguments throughout: a call that is not refused fails otherwise. */
static void
calls (void)
{
#define TRY(name, ...) tell (#name, syscall (SYS_##name, __VA_ARGS__))
  TRY (ptrace, PTRACE_TRACEME, 0, 0, 0);
  TRY (mount, "none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
  TRY (umount2, "/nowhere", 0);
  TRY (open_tree, -1, "/nowhere", 0);
  TRY (keyctl, 0, -1, 0, 0, 0);
  TRY (add_key, "user", "x", "y", 1, -1);
  TRY (bpf, 0, NULL, 0);
  TRY (perf_event_open, NULL, 0, -1, -1, 0);
  TRY (userfaultfd, 0xffff);
  TRY (kexec_load, 0, 0, NULL, 0);
  TRY (init_module, NULL, 0, "");
  TRY (finit_module, -1, "", 0);
  TRY (unshare, CLONE_NEWUSER);
  TRY (setns, -1, 0);
  TRY (clone, CLONE_NEWUSER | 17, NULL, NULL, NULL, NULL);
  TRY (clone, CLONE_NEWNET | 17, NULL, NULL, NULL, NULL);
  TRY (clone3, NULL, 0);
  TRY (setsid, 0);
  TRY (setpgid, 0, 0);
  TRY (process_vm_readv, 1, NULL, 0, NULL, 0, 0);
  TRY (io_uring_setup, 0, NULL);
  TRY (pidfd_getfd, -1, -1, 0);
  TRY (ioctl, 0, TIOCSTI, "x");
  TRY (getpid, 0);
}

static void
sockets (void)
{
  tell ("unix", socket (AF_UNIX, SOCK_STREAM, 0));
  tell ("inet", socket (AF_INET, SOCK_STREAM, 0));
  tell ("inet6", socket (AF_INET6, SOCK_DGRAM, 0));
  tell ("netlink", socket (AF_NETLINK, SOCK_RAW, 0));
  tell ("packet", socket (AF_PACKET, SOCK_RAW, 0));
  tell ("vsock", socket (AF_VSOCK, SOCK_STREAM, 0));
}

static void
connect_to (const char *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons ((uint16_t)atoi (port)),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM, 0);

  tell ("connect", fd < 0 ? -1 : connect (fd, (struct sockaddr *)&address, sizeof address));
}

int
main (int argc, char **argv)
{
  if (argc > 1 && strcmp (argv[1], "calls") == 0)
    calls ();
  else if (argc > 1 && strcmp (argv[1], "sockets") == 0)
    sockets ();
  else if (argc > 2 && strcmp (argv[1], "connect") == 0)
    connect_to (argv[2]);
  else
    return 2;
  return 0;
}
