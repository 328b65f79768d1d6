/* SPDX-License-Identifier: MIT */

#include <virtloom/driver.h>

#define EMULATOR "/usr/bin/qemu-system-x86_64"

/* The parts of a document that become arguments, or that ask for nothing. */
#define N_UNDERSTOOD 46
extern const struct vl_write understood[N_UNDERSTOOD];

/* The command line of a guest with the document DOMAIN that listens for commands at SOCKET;
 * with INCOMING it waits for its memory from a program.  NULL after a refusal. */
char **command_line (struct vl_call *c, const struct vl_xml *domain, const char *socket,
                     const char *incoming);
/* Runs ARGV, which goes on by itself once all devices are there, with its complaints in the
 * file MESSAGES and the name MEMORY in its environment.  0, or -1 after a refusal. */
int run_qemu (struct vl_call *c, char **argv, const char *messages, const char *memory);
