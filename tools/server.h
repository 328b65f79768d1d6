/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of `virtloom server` share. */

#ifndef VL_TOOL_SERVER_H
#define VL_TOOL_SERVER_H

#include "tool.h"

#include <virtloom/driver.h>

#include <sys/types.h>

#define DEFAULT_STOP 60 /* seconds, as Nova's shutdown_timeout */
#define SERVER_WAIT 60  /* seconds, unless --timeout says otherwise */

/* server-create.c */
int server_create (struct tool *tool);

/* Shows SERVER, a name or uuid, whole: with its document for -o json. */
int server_show_one (struct tool *tool, const char *server, int whole);
/* server.c: what every list has of SERVER. */
json_t *server_json (const struct vl_server_info *server);
/* server-which.c: which servers are meant. */
/* Is SERVER in a status that --status names?  1 where all are meant, 0; -1 after a finding: one of
 * them is none. */
int server_matches (struct tool *tool, const struct vl_server_info *server);
/* The servers that the command line names, or all of --all and --status: their names or uuids,
 * NULL-terminated, in memory of the call.  NULL after a finding. */
const char *const *server_names (struct tool *tool);
int server_wait (struct tool *tool);
/* server-create.c: what --password and --file give the guest, as far as the verb takes them.  0
 * or -1; server_gifts_free in either case. */
struct server_gifts {
  char *password; /* or NULL */
  struct vl_guest_file *files;
  size_t n;
};
int server_gifts_read (struct tool *tool, struct server_gifts *gifts);
void server_gifts_free (struct server_gifts *gifts);
/* server-set.c */
int server_set (struct tool *tool);
int server_unset (struct tool *tool);
int server_lock (struct tool *tool);
int server_unlock (struct tool *tool);
/* --timeout, OTHERWISE where there is none.  0, or -1 after a finding. */
int server_seconds (struct tool *tool, int64_t otherwise, uint32_t *seconds);
/* SERVER is STATUS and not yet what is waited for: waits a moment.  0, or -1 after WaitTimeout
 * once WAIT, of which only MS is given, is over. */
int server_wait_on (struct tool *tool, const char *server, const char *status,
                    struct vl_wait *wait);
/* server-devices.c */
int server_add_volume (struct tool *tool);
int server_remove_volume (struct tool *tool);
int server_extend_volume (struct tool *tool);
int server_swap_volume (struct tool *tool);
int server_snapshot_volume (struct tool *tool);
int server_unsnapshot_volume (struct tool *tool);
int server_add_network (struct tool *tool);
int server_remove_network (struct tool *tool);
/* server-resize.c */
int server_resize (struct tool *tool);
int server_resize_confirm (struct tool *tool);
int server_resize_revert (struct tool *tool);
/* server.c: what `diff` says of the N changes. */
void server_show_changes (struct tool *tool, const struct vl_change *changes, size_t n);
/* server-export.c */
int server_export (struct tool *tool);
int server_import (struct tool *tool);
/* server-migrate.c */
int server_migrate (struct tool *tool);
int server_migration_list (struct tool *tool);
int server_migration_abort (struct tool *tool);
int server_migration_force_complete (struct tool *tool);
/* server-top.c */
int server_top (struct tool *tool);
/* server-rescue.c */
int server_rescue (struct tool *tool);
int server_unrescue (struct tool *tool);
int server_rebuild (struct tool *tool);
int server_shelve (struct tool *tool);
int server_unshelve (struct tool *tool);
/* figures.c: what its guest has done so far. */
int server_diagnostics (struct tool *tool, const char *server);
/* server-console.c */
int server_console (struct tool *tool);
int server_url (struct tool *tool);
int server_screenshot (struct tool *tool);
/* Goes on without what asks a driver: others want their turn.  What came of the session is gone. */
void server_let_go (struct tool *tool);
/* connect.c: a console that is a socket or a port, not a terminal: a descriptor that does not
 * block, or -1 with errno. */
int console_connect (struct tool *tool, const struct vl_console *console);
/* "/dev/pts/3", "unix:/PATH", "127.0.0.1:5900". */
const char *console_address (struct tool *tool, const struct vl_console *console);
/* server-vnc.c */
int server_vnc (struct tool *tool);
/* vnc-page.c: websockify, which serves the page of noVNC and takes its viewer to a socket. */
#define VNC_PAGE_USER 65534 /* nobody, and its group, where root starts it */
struct vnc_page {
  pid_t pid;   /* and of its group */
  int pidfd;   /* readable once it has ended */
  int said_fd; /* what it says; -1 once nobody can say more */
  char said[256];
  size_t n_said;
  int is_whole; /* of SAID: the line has ended */
};
/* Refuses where its programs are not installed.  0 or -1. */
int vnc_page_need (struct tool *tool);
/* Serves the socket LISTENING; a viewer's token is the name of a UNIX socket in FOLDER.  0, or -1
 * after a finding. */
int vnc_page_start (struct tool *tool, struct vnc_page *page, int listening, int folder);
/* Takes what it says: its last line is kept. */
void vnc_page_hear (struct vnc_page *page);
/* Refuses because it has ended, with what it said.  -1. */
int vnc_page_ended (struct tool *tool, struct vnc_page *page, const char *server);
/* Ends it with all that it has started. */
void vnc_page_end (struct vnc_page *page);
/* server.c: prints the file of the console, PATH; --follow goes on with what comes. */
int server_follow (struct tool *tool, const char *server, const char *path);
/* server-show.c */
int server_show (struct tool *tool);
int server_event_list (struct tool *tool);
/* A row of a server's history. */
json_t *server_action_json (const struct vl_action_info *action);
/* server-follow.c: the same with --follow. */
int server_follow_events (struct tool *tool);
/* image.c: shows image NAME. */
int image_show_one (struct tool *tool, const char *name);
/* server-image.c */
int server_image_create (struct tool *tool);
/* server-create.c: the first line of the file that --password names, in malloc memory, to be wiped.  It
 * is in no finding.  0 with *PASSWORD, NULL where there is none; -1 after a finding. */
int server_read_password (struct tool *tool, char **password);
/* server-password.c */
int server_password_set (struct tool *tool);
/* server-dump.c */
int server_dump_create (struct tool *tool);

#endif
