/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the libvirt drivers share: the connection and the calls on it.  This
 * folder is the only place that knows libvirt; a driver adds its URI, its
 * settings and what its kind of connection needs.  The connection owns what is
 * in it; everything that is answered as text lives as long as its context. */

#ifndef VL_DRIVERS_VIRT_H
#define VL_DRIVERS_VIRT_H

#include <stdlib.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <virtloom/driver.h>

#include "lib/clock.h"

#define VIRT_MAX_GROUPS 64

/* Who QEMU runs as. */
struct virt_user {
  int found; /* 1; 0: it is not known; -1: the user of the daemon, or root */
  uid_t uid;
  gid_t groups[VIRT_MAX_GROUPS]; /* the first is its own */
  int n_groups;
  int64_t at; /* when it was found out */
};

/* A guest as it was seen. */
struct virt_seen {
  char uuid[VIR_UUID_STRING_BUFLEN]; /* "": none */
  int known;                         /* there is one */
  int deaf;                          /* its QEMU does not answer */
  struct vl_info info;
  struct virt_user user; /* who guests run as, where that was found out */
};

struct vl_conn {
  virConnectPtr virt; /* NULL with APART, but for a child process */
  const struct virt_driver *driver;
  const char *type;          /* domain type of its guests: "qemu", "kvm" */
  uint32_t soft_reboot_wait; /* seconds */
  uint32_t open_timeout;     /* seconds */
  /* How often a guest is asked to let go of a device, and the seconds that it has each time. */
  uint32_t detach_attempts, detach_timeout;
  int embedded;    /* libvirt's own driver, not a daemon's */
  int apart;       /* it is opened in a child process for each piece of work */
  pid_t parent;    /* in such a child: the process that waits for it */
  uid_t guest_uid; /* whom each guest runs as, 0: as libvirt says */
  gid_t guest_gid;
  int64_t log_bytes; /* what is kept of a guest's console, 0: for virtlogd to say */
  int own_loop;      /* the application runs the event loop */
  int read_only;
  int (*take) (struct vl_call *, const char *root, uint32_t ms);
  char *uri, *state_dir, *hint, *environment;
  int no_room;           /* errno: why libvirt was not opened */
  struct virt_seen seen; /* what a child has seen last */
  int64_t seen_at;
  struct virt_user user; /* of all guests */
  uint32_t given;        /* milliseconds, to the work that was done last */
  uint32_t waited;       /* milliseconds, in vain, for libvirt that another command has */
  int deaf;              /* the guest that was looked at last does not answer */
  char asked[VIR_UUID_STRING_BUFLEN]; /* the guest that was asked to shut down last */
  int64_t asked_at;
  int gave_up; /* on an agent that was to freeze its guest: the work goes on without that */
};

/* Cleanup attributes for what libvirt gives. */
void virt_cleanup_domain (virDomainPtr *domain);
void virt_cleanup_text (char **text);
#define VIRT_AUTODOMAIN __attribute__ ((cleanup (virt_cleanup_domain)))
#define VIRT_AUTOTEXT __attribute__ ((cleanup (virt_cleanup_text)))

/* ---- driver.c: what the drivers have in common, but for what differs ---- */

struct virt_driver {
  const char *name;  /* of plugins.d/NAME.conf */
  const char *type;  /* domain type of its guests */
  const char *notes; /* the folder in STATE/libvirt for notes of a daemon's guests */
  int embeds;        /* may it use libvirt's own driver in the process? */
};

#define VIRT_PROP_URI(uri, text)                                                                   \
  {                                                                                                \
    .name = "connection-uri", .type = VL_STRING, .flags = VL_EMPTY_UNSET, .deflt = uri,            \
    .setting = "connection_uri", .nova = "libvirt.connection_uri", .help = text, .since = "0.1"    \
  }
#define VIRT_PROP_SOFT_REBOOT_WAIT                                                                 \
  {                                                                                                \
    .name = "soft-reboot-wait", .type = VL_INT, .deflt = "120", .min = 0, .max = 86400,            \
    .unit = "s", .setting = "wait_soft_reboot_seconds",                                            \
    .nova = "libvirt.wait_soft_reboot_seconds",                                                    \
    .help = "how long a soft reboot waits for the guest before it becomes a hard one",             \
    .since = "0.1"                                                                                 \
  }

/* Two rows. */
#define VIRT_PROPS_DETACH                                                                          \
  { .name = "detach-attempts",                                                                     \
    .type = VL_INT,                                                                                \
    .deflt = "8",                                                                                  \
    .min = 1,                                                                                      \
    .max = 1000,                                                                                   \
    .setting = "device_detach_attempts",                                                           \
    .nova = "libvirt.device_detach_attempts",                                                      \
    .help = "how often a guest is asked to let go of a device",                                    \
    .since = "0.1" },                                                                              \
  {                                                                                                \
    .name = "detach-timeout", .type = VL_INT, .deflt = "20", .min = 1, .max = 86400, .unit = "s",  \
    .setting = "device_detach_timeout", .nova = "libvirt.device_detach_timeout",                   \
    .help = "how long a guest has each time to let go of a device", .since = "0.1"                 \
  }

struct virt_uri;
struct virt_open;

/* Reads connection_uri: 0, or -1 after a finding. */
int virt_setting (struct vl_call *call, const struct virt_driver *driver, struct virt_uri *uri);
/* Does whoever URI names listen, and is there QEMU for this machine?  1, or 0 and *WHY. */
int virt_usable (struct vl_call *call, const struct virt_uri *uri, const char **why);
/* Begins HOW with the settings, and refuses where STATE has guests of another connection.  0,
 * or -1 after a finding. */
int virt_begin (struct vl_call *call, const struct virt_driver *driver, const struct vl_open *open,
                struct virt_uri *uri, struct virt_open *how);

#define VIRT_QEMU_HINT                                                                             \
  "install QEMU (Debian: apt-get install qemu-system-x86, or the one of its architecture), then: " \
  "systemctl restart libvirtd"
#define VIRT_DAEMON_HINT "systemctl start libvirtd; Debian: apt-get install libvirt-daemon-system"

/* ---- uri.c ---- */

enum virt_where { VIRT_EMBED = 1, VIRT_SYSTEM, VIRT_SESSION };

struct virt_uri {
  const char *text;
  enum virt_where where;
  const char *socket; /* of the daemon, where the URI names it; borrowed from TEXT */
};

/* Reads the setting connection_uri.  0, or -1 and in *WHY a sentence of why it is refused. */
int virt_uri_read (struct vl_call *call, const struct virt_driver *driver, struct virt_uri *uri,
                   const char **why);
/* Does the daemon listen?  1, or 0 and in *WHY a sentence with what mends it. */
int virt_uri_answers (struct vl_call *call, const struct virt_uri *uri, const char **why);

/* ---- connection.c ---- */

struct virt_open {
  const char *uri; /* as libvirt gets it */
  const struct virt_driver *driver;
  const char *state_dir;
  int read_only;
  int embedded;
  int apart;
  uid_t guest_uid; /* whom each guest runs as, 0: as libvirt says */
  gid_t guest_gid;
  int64_t log_bytes; /* what is kept of a guest's console, 0: for virtlogd to say */
  int own_loop;
  uint32_t soft_reboot_wait, open_timeout;
  uint32_t detach_attempts, detach_timeout; /* as in struct vl_conn */
  const char *hint;                         /* how to mend it where it cannot be opened, or NULL */
  const char *environment; /* of a process that is there for libvirt alone, lines, or NULL */
  /* Takes the root folder of the embedded driver, or NULL: a descriptor that holds it until
   * all copies of it are closed, VIRT_BUSY where another process had it for MS
   * milliseconds, or -1 after a finding. */
  int (*take) (struct vl_call *, const char *root, uint32_t ms);
};

/* Another process has libvirt's embedded driver. */
#define VIRT_BUSY (-2)
/* libvirt did not end its work in time. */
#define VIRT_LATE (-4)
/* The guest's agent may still freeze its file systems; there is no finding. */
#define VIRT_FREEZES (-7)
/* How long libvirt may take for one piece of work; to save the memory of a large guest
 * takes its time. */
#define VIRT_WORK_MS (4u * 3600 * 1000)
/* For work that needs no more than an answer of QEMU's. */
#define VIRT_QUICK_MS 60000u
/* A QEMU that says nothing for so long does not answer. */
#define VIRT_HEAR_MS 3000u
/* Work that cannot be done without an answer gives a busy host more time for one. */
#define VIRT_ACT_MS 10000u

/* Connects, and starts the event loop, unless that is the application's: 0, or -1 after a
 * finding, with exit 8 where libvirt cannot be reached. */
int virt_connect (struct vl_call *call, struct vl_conn *conn);
/* Makes a connection; with APART nothing is connected yet.  0, or -1 after a finding. */
int virt_open (struct vl_call *call, const struct virt_open *how, struct vl_conn **conn);
void virt_close (struct vl_conn *conn);

/* Records libvirt's last error of this thread as a finding and forgets it;
 * answers -1.  The text says what could not be done: "cannot start guest 'x'". */
int virt_error (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);
/* The same as a warning, for what goes wrong while something is undone. */
void virt_warning (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);
/* libvirt's last error code of this thread, 0 for none. */
int virt_last_code (void);
/* The name of DOMAIN, for virt_error: virDomainGetName makes libvirt forget its last error. */
const char *virt_domain_name (virDomainPtr domain);

/* remedies.c: what mends that of which libvirt says MESSAGE, or NULL where that is not known.
 * *MEANING is what to tell instead of the message, or NULL. */
const char *virt_remedy (struct vl_call *call, const char *message, const char **meaning);

/* ---- apart.c ---- */

struct virt_job;
/* The last that is done before libvirt's process ends; it says nothing any more. */
typedef void (*virt_last_fn) (struct vl_conn *conn, const struct virt_job *job);

/* What a piece of work is about. */
struct virt_job {
  const char *uuid; /* of the guest; NULL: of none */
  const struct vl_spawn *spawn;
  const struct vl_device_change *change;
  const void *more;  /* what else FN is told */
  int blind;         /* how the guest is afterwards is of no interest */
  uint32_t open_ms;  /* how long to wait for another command that has libvirt, 0: as settings say */
  uint32_t work_ms;  /* how long libvirt may take, 0: VIRT_WORK_MS */
  uint32_t hear_ms;  /* how long QEMU has to answer before the work begins, 0: it is not asked */
  int looks;         /* changes nothing, so that it may be cut short for who is in haste */
  int user;          /* who guests run as will be asked for next */
  uint32_t hold_ms;  /* how long the work may wait for the guest */
  int held;          /* it is seen through from the moment that libvirt is opened, see virt_hold */
  virt_last_fn last; /* or NULL */
};
typedef int (*virt_fn) (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                        FILE *answer);
/* Does FN with libvirt connected: what it answers, or -1 after a finding. */
int virt_do (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job);
/* The same for what may as well be done by the next command, where another one has libvirt for
 * more than a moment: VIRT_BUSY then, without a finding. */
int virt_try (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job);
/* The same for a guest-less question: *ANSWER is what FN wrote, and lives as long as CALL. */
int virt_ask (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job,
              const char **answer);
/* The same where FN writes bytes: *LENGTH of them. */
int virt_ask_bytes (struct vl_call *call, struct vl_conn *conn, virt_fn fn,
                    const struct virt_job *job, const char **answer, size_t *length);
/* The same in a child, which is killed after JOB's milliseconds, with its answer, which lives as
 * long as CALL.  VIRT_BUSY or VIRT_LATE, without a finding, where libvirt is not to be had, or
 * not done in time. */
int virt_apart (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job,
                const char **answer, size_t *length);
/* Refuses, where fork has failed with errno. */
void virt_no_process (struct vl_call *call);
/* RESULT, or -1 after the finding that VIRT_BUSY or VIRT_LATE stands for. */
int virt_busy (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, int result);
/* As virt_do, for what takes an answer of the guest's QEMU: it is asked for one first, where FN
 * does not find that out by virt_settle. */
int virt_do_awake (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                   virt_fn fn);
/* From here to virt_let_go the work is seen through even where the command is killed that waits for
 * it, since libvirt never finds its way back to what QEMU has begun and it has not written down.
 * -1: the command was killed before. */
int virt_hold (struct vl_conn *conn);
/* Was the command killed meanwhile?  1 or 0. */
int virt_is_left (const struct vl_conn *conn);
/* -1: it was. */
int virt_let_go (struct vl_conn *conn);
/* A call of a daemon's that waits for a guest's QEMU would be done whenever that answers, long
 * after it was given up; so QEMU is asked first.  With libvirt's driver in our process, what
 * that does when it opens tells: see virt_find_awake. */
static inline int
virt_asks_first (const struct vl_conn *conn)
{
  return conn->apart && ! conn->embedded;
}
/* A piece of work that asks QEMU of a daemon's guest for what nobody needs. */
int virt_ping (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
               FILE *answer);
/* A piece of work that asks libvirt for what it knows by itself. */
int virt_is_there (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                   FILE *answer);
/* Refuses: QEMU of guest UUID has not answered for MS milliseconds. */
int virt_deaf (struct vl_call *call, const char *uuid, uint32_t ms);
/* How guest UUID is, known or not.  0, or -1 after a finding. */
int virt_look_at (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                  struct virt_seen *seen);
/* Does the caller only want to see, and soon? */
int virt_is_hasty (struct vl_call *call);
/* Are the guests processes that are seen, and ended, without libvirt? */
static inline int
virt_has_processes (const struct vl_conn *conn)
{
  return conn->apart && conn->embedded;
}

/* ---- process.c: the embedded driver's guests, without libvirt ---- */

/* The folder of libvirt's embedded driver. */
const char *virt_root (struct vl_call *call, const struct vl_conn *conn);

/* What libvirt wrote of a guest, or of its definition; members are NULL or 0 where the file
 * does not say. */
struct virt_status {
  const char *uuid, *state, *reason;
  long pid;
  int exits; /* its watchdog has QEMU end without a word */
};
/* 0, or -1 where it cannot be read. */
int virt_status_read (struct vl_call *call, const char *path, struct virt_status *status);
/* The libvirt name of the guest. */
const char *virt_name_of (struct vl_call *call, const char *uuid);
/* That cannot be found out, which is a finding. */
#define VIRT_UNKNOWN (-3)
/* A descriptor (pidfd) of the guest's QEMU, -1 where none runs, or VIRT_UNKNOWN.  The caller
 * closes. */
int virt_process_open (struct vl_call *call, const struct virt_status *status);
int virt_process_of (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
int virt_process_ended (int fd);
/* Ends the guest's QEMU and waits for that; 0 where none runs.  One that is DEAF is not asked. */
int virt_process_kill (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
                       int deaf);
/* The guest's definition as libvirt wrote it, or NULL where it cannot be read.  The caller frees. */
char *virt_definition_read (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* What libvirt wrote of the guest that runs, a <domstatus> with its live <domain>, likewise. */
char *virt_live_read (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* Does libvirt have a definition of the guest, or does it run? */
int virt_is_known (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* How the guest is by what libvirt saw last, and by its process. */
void virt_seen_last (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
                     struct virt_seen *seen);
/* The same, with a warning that says so. */
void virt_last_seen (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
                     struct virt_seen *seen);
int virt_list_last_seen (struct vl_call *call, const struct vl_conn *conn, vl_instance_fn fn,
                         void *opaque);

/* ---- room.c: of the embedded driver ---- */

/* Takes the room that libvirt needs to open without stopping a guest: 0, or the errno that says
 * why there is none. */
int virt_take_room (struct vl_call *call, const struct vl_conn *conn);
void virt_give_room (struct vl_call *call, const struct vl_conn *conn);
/* Is there room for the state of one more guest?  0, or -1 after a finding. */
int virt_prove_room (struct vl_call *call, const struct vl_conn *conn);
/* Refuses: there is none, for ERROR. */
int virt_no_room (struct vl_call *call, const struct vl_conn *conn, int error);

/* ---- leftovers.c: of the embedded driver ---- */

/* Notes in ROOT that the guest's process has ended by itself. */
void virt_note_crash (struct vl_call *call, const char *root, const char *uuid);
/* The guest was asked to shut down, or is about to be killed, so that its end is no crash. */
void virt_note_asked (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* A sentence about how the guest crashed; NULL where one of the embedded driver has not. */
const char *virt_crash (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
void virt_forget_crash (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* Removes what libvirt left of the guest with this libvirt NAME, which is off; ALL: its log and
 * definition, too. */
void virt_forget_files (struct vl_call *call, const struct vl_conn *conn, const char *name,
                        int all);

/* ---- domain.c ---- */

/* How guest UUID is, known or not, with libvirt connected.  0, or -1 after a finding. */
int virt_see (struct vl_call *call, struct vl_conn *conn, const char *uuid, struct virt_seen *seen);
/* Waits up to MS milliseconds for what the embedded driver does when it opens: 1, or 0
 * where the guest does not answer. */
int virt_settle (struct vl_conn *conn, virDomainPtr domain, unsigned ms);
/* Does QEMU of the guest, DOMAIN with UUID, answer?  To wait for one that does not would keep libvirt
 * from the guests of others.  0, or -1 after GuestNotResponding. */
int virt_hears (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, const char *uuid);
/* The guest UUID, whose QEMU answers, or NULL after a finding. */
virDomainPtr virt_find_awake (struct vl_call *call, struct vl_conn *conn, const char *uuid);

/* Records that there is no guest UUID; answers -1. */
int virt_not_found (struct vl_call *call, const char *uuid);
/* The domain with UUID; never looked up by name.  NULL after InstanceNotFound
 * or another finding.  The caller frees it. */
virDomainPtr virt_find (struct vl_call *call, struct vl_conn *conn, const char *uuid);
/* The same, but *DOMAIN is NULL and the answer 0 where there is none. */
int virt_look (struct vl_call *call, struct vl_conn *conn, const char *uuid, virDomainPtr *domain);
/* What OpenStack calls libvirt's STATE of DOMAIN with this REASON.  A guest whose memory was saved is
 * off for libvirt, but only suspended. */
enum vl_state virt_state_of (struct vl_call *call, const struct vl_conn *conn, virDomainPtr domain,
                             int state, int reason);
/* Its state as OpenStack counts them, settled.  -1 after a finding. */
int virt_state (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain);
/* Does its process live?  Any state but shut off and crashed. */
int virt_alive (virDomainPtr domain);
/* Waits MS milliseconds. */
void virt_sleep (unsigned ms);

/* ---- access.c ---- */

/* Opens the way to the files of the guest's document below STATE for the user that libvirt
 * runs QEMU as: that user may then pass through their folders, and run_dir is its own.  0,
 * or -1 after a finding, also where a folder above STATE is closed to it. */
int virt_let_qemu_in (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn);
/* Lets user UID pass through FOLDER, which lies in STATE, and through STATE.  0, or -1
 * after a finding. */
int virt_let_user_pass (struct vl_call *call, uid_t uid, gid_t gid, const char *folder);

/* Finds out who guests run as, which is conn->user then.  0, or -1 after a finding. */
int virt_find_user (struct vl_call *call, struct vl_conn *conn);
int virt_get_guest_owner (struct vl_call *call, struct vl_conn *conn, int64_t *uid, int64_t *gid);

/* files.c: does QEMU, whose guest has the live document XML, have open what was judged, all of it
 * and no other file or block device?  0, or -1 after a finding, which ends with what FOLLOWS ("it
 * was killed before it ran"); a warning where this user is not shown what it has open. */
int virt_prove_files (struct vl_call *call, const struct vl_spawn *spawn, const char *xml,
                      const char *follows);
/* Which process has PATH open: "process PID (COMMAND)", or words for that none is seen. */
const char *virt_file_holder (struct vl_call *call, const char *path);

/* ---- bulk.c ---- */

int virt_get_available_resource (struct vl_call *call, struct vl_conn *conn,
                                 struct vl_resources *resources);
int virt_get_host_cpu_stats (struct vl_call *call, struct vl_conn *conn, struct vl_host_cpu *cpu);
int virt_get_instance_diagnostics (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                                   vl_diagnostics_fn fn, void *opaque);

/* ---- console.c, log.c ---- */

/* The file that the document says its console is kept in, or NULL. */
const char *virt_log_path (const struct vl_xml *domain);
/* Has the log of this guest, which is about to be started, written by virtloom-console, where
 * no virtlogd does.  *STARTED is a descriptor to close when libvirt has started it, or -1.
 * 0, or -1 after a finding. */
int virt_log_begin (struct vl_call *call, const struct vl_conn *conn, const struct vl_spawn *spawn,
                    int *started);
/* Waits until nothing writes the log of this guest, which is off. */
void virt_log_wait (struct vl_call *call, virDomainPtr domain);
/* Warns where nothing writes the log of guest UUID, which runs. */
void virt_log_judge (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* Warns where the daemon has no virtlogd bound the logs of its guests. */
void virt_log_judge_daemon (struct vl_call *call, const struct vl_conn *conn);
/* Does this qemu.conf have QEMU write logs itself? */
int virt_log_is_plain (const char *conf);

/* ---- daemon.c: each does nothing for the embedded driver ---- */

/* Notes in STATE which daemon has guest UUID, and forgets that. */
int virt_note_guest (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
void virt_forget_guest (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* Are all guests that DRIVER has in STATE those of this URI (for EMBEDDED too)?  0, or -1 after
 * a finding. */
int virt_judge_guests (struct vl_call *call, const struct virt_driver *driver,
                       const char *state_dir, const char *uri, int embedded);

/* ---- spawn.c ---- */

/* Defines the document and proves that libvirt kept all of it.  NULL after
 * findings; what this call defined it also undefined, and a definition that
 * stood before stands again. */
virDomainPtr virt_define (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn);
/* The same of a document that was judged by the installed libvirt's schema when it was planned, which
 * a daemon would read anew for it. */
virDomainPtr virt_define_judged (struct vl_call *call, struct vl_conn *conn,
                                 const struct vl_spawn *spawn);
/* Starts a defined domain.  FLAGS are libvirt's create flags; without
 * VIR_DOMAIN_START_FORCE_BOOT, saved memory is restored.  No instruction of the guest runs
 * before the live XML was read back.  On failure it is off; one whose memory was restored
 * stays paused, since to end it would be to lose that. */
int virt_start (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn,
                virDomainPtr domain, unsigned flags);
/* Pulls the plug and waits until the guest is gone; 0 where it was off. */
int virt_kill (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain);
/* What to do about one that does not go. */
#define VIRT_STUCK_HINT                                                                            \
  "its QEMU may wait for storage that does not answer ('ps' shows it in state D): mend that, "     \
  "then do it again"
/* Puts the definition BEFORE of the guest back, NULL: it had none. */
void virt_put_back (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain,
                    const char *before);
/* Forgets the definition, with saved state, firmware variables and TPM; KEEP leaves the
 * last two for a guest that is to be defined again, or with VIRT_KEEP_TPM that alone. */
#define VIRT_KEEP_TPM 2
int virt_undefine (struct vl_call *call, virDomainPtr domain, int keep);

int virt_spawn (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn);
int virt_destroy (struct vl_call *call, struct vl_conn *conn, const char *uuid);
int virt_cleanup (struct vl_call *call, struct vl_conn *conn, const char *uuid);

/* dump.c: as the driver's call. */
int virt_dump_memory (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                      const char *path);

/* devices.c: what DOMAIN is now, if it has a process: 1 with *XML; 0: it has none; -1 after a
 * finding. */
int virt_read_live (struct vl_call *call, virDomainPtr domain, const struct vl_xml **live,
                    const char **xml);
/* Is the guest what its document says by now, and has it open what was judged?  0, or -1 after a
 * finding, which ends with what FOLLOWS. */
int virt_prove (struct vl_call *call, const struct vl_device_change *change, virDomainPtr domain,
                const char *follows);

/* live.c: what changes of a guest that runs; as the driver's call. */
extern const char *const virt_live[];
int virt_change_live (struct vl_call *call, struct vl_conn *conn,
                      const struct vl_device_change *change);

/* volumes.c: as the driver's call. */
int virt_extend_volume (struct vl_call *call, struct vl_conn *conn,
                        const struct vl_volume_size *volume);

int virt_swap_volume (struct vl_call *call, struct vl_conn *conn,
                      const struct vl_volume_swap *swap);
int virt_volume_snapshot_create (struct vl_call *call, struct vl_conn *conn,
                                 const struct vl_volume_swap *swap);
int virt_volume_snapshot_delete (struct vl_call *call, struct vl_conn *conn,
                                 const struct vl_volume_swap *swap);

/* snapshot.c: calls FN with OPAQUE, of guest UUID that is frozen for that moment if it is to be. */
int virt_do_frozen (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain,
                    const char *uuid, enum vl_quiesce quiesce,
                    int (*fn) (struct vl_call *, virDomainPtr, const void *), const void *opaque);

/* groups.c: removes what is left of the control groups of the guest with this
 * libvirt NAME, which does not run. */
void virt_forget_groups (struct vl_call *call, const char *name);

/* ---- agent.c: with libvirt connected ---- */

/* Freezes the file systems of the guest, or thaws them: NULL, or why that was not done.  To thaw is
 * tried for some time; what was not frozen, or ended meanwhile, is success.  LATE, where the agent may
 * still freeze them: 1, or VIRT_FREEZES, which the work then has to end with. */
const char *virt_freeze (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain,
                         int *late);
const char *virt_thaw (struct vl_call *call, virDomainPtr domain);
/* What to do about one that has not. */
#define VIRT_THAW_HINT                                                                             \
  "thaw them in the guest (fsfreeze --unfreeze), or virtloom server reboot --hard"
/* As virt_do_awake, of work that calls virt_freeze.  While an agent is waited for that freezes too
 * late, other commands have libvirt. */
int virt_do_freezing (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                      virt_fn fn);
/* Has the guest an agent that has its channel open, for all that libvirt knows? */
int virt_agent_hears (struct vl_call *call, virDomainPtr domain);

/* secrets.c: TEXT as it stands in an attribute of XML. */
const char *virt_escaped (struct vl_call *call, const char *text);

/* ---- probe.c, and the groups of calls ---- */

/* What the hard limit of locked memory is here: "unlimited", or bytes. */
const char *virt_memlock (struct vl_call *call);
int virt_probe (struct vl_call *call, struct vl_conn *conn);
/* stamp.c: what virt_probe's answer rests on.  STATE is the folder of the embedded
 * driver's root. */
int virt_stamp (struct vl_call *call, struct vl_stamp *stamp, const struct virt_uri *uri,
                const char *state_dir);

/* live-migration.c, live-ends.c: as the driver's calls. */
int virt_check_can_live_migrate_destination (struct vl_call *call, struct vl_conn *conn,
                                             struct vl_migrate_data *data);
int virt_check_can_live_migrate_source (struct vl_call *call, struct vl_conn *conn,
                                        struct vl_migrate_data *data);
int virt_pre_live_migration (struct vl_call *call, struct vl_conn *conn,
                             const struct vl_migrate_data *data);
int virt_live_migration (struct vl_call *call, struct vl_conn *conn,
                         const struct vl_migrate_data *data, const char *dest, vl_migration_fn fn,
                         void *opaque);
int virt_live_migration_abort (struct vl_call *call, struct vl_conn *conn, const char *uuid);
int virt_live_migration_force_complete (struct vl_call *call, struct vl_conn *conn,
                                        const char *uuid);
int virt_post_live_migration (struct vl_call *call, struct vl_conn *conn, const char *uuid);
int virt_post_live_migration_at_source (struct vl_call *call, struct vl_conn *conn,
                                        const char *uuid);
int virt_post_live_migration_at_destination (struct vl_call *call, struct vl_conn *conn,
                                             const struct vl_migrate_data *data);
int virt_rollback_live_migration_at_source (struct vl_call *call, struct vl_conn *conn,
                                            const char *uuid);
int virt_rollback_live_migration_at_destination (struct vl_call *call, struct vl_conn *conn,
                                                 const struct vl_migrate_data *data);
/* Refuses where no other host can connect to this libvirt.  0 or -1. */
int virt_live_judge (struct vl_call *call, const struct vl_conn *conn);
/* Brings a migration of DOMAIN to its end, by post-copy or by pausing it.  0, or -1 after a finding. */
int virt_force_migration (struct vl_call *call, virDomainPtr domain, int post_copy);

extern const struct vl_devices_calls virt_devices_calls;
extern const struct vl_power_calls virt_power_calls;         /* power.c */
extern const struct vl_migration_calls virt_migration_calls; /* migration.c */
/* migration.c: the guest becomes that of SPAWN, and is started where that says so; with REBUILD its
 * firmware's variables are as new. */
int virt_become (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn);
int virt_rebuild (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn);
extern const struct vl_inventory_calls virt_inventory_calls; /* domain.c */
extern const struct vl_console_calls virt_console_calls;     /* console.c */
extern const struct vl_secrets_calls virt_secrets_calls;     /* secrets.c */
extern const struct vl_events_calls virt_event_calls;        /* events.c */
extern const struct vl_images_calls virt_image_calls;        /* snapshot.c */
extern const struct vl_guest_calls virt_guest_calls;         /* agent.c */

#endif
