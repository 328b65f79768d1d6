/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The fake driver's guests, kept in STATE/fake from one process to the next:
 * one small text file per guest, one lock, one file of counters, one record of
 * calls.  A guest that was loaded is owned by the caller; its texts live as long
 * as the context. */

#ifndef VL_DRIVERS_FAKE_H
#define VL_DRIVERS_FAKE_H

#include <virtloom/driver.h>

struct vl_conn {
  char *dir; /* STATE/fake */
};

struct fake_guest {
  const char *uuid, *domain;
  enum vl_state state;
  int64_t id;     /* as a hypervisor numbers running guests; kept while it is off */
  int64_t boots;  /* how often it was started */
  int64_t memory; /* KiB */
  int64_t vcpus;
  const char *xml; /* the document; not loaded for a list */
};

/* Makes the folders.  0, or -1 after a finding. */
int fake_prepare (struct vl_call *call, const char *dir);

/* Between them this process alone changes guests and counters; a descriptor, or
 * -1 after a finding. */
int fake_lock (struct vl_call *call, const struct vl_conn *conn);
void fake_unlock (int fd);

/* 1 and *GUEST, 0 where there is none, -1 after a finding. */
int fake_load (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
               struct fake_guest *guest);
/* Replaces the file at once or not at all. */
int fake_save (struct vl_call *call, const struct vl_conn *conn, const struct fake_guest *guest);
int fake_remove (struct vl_call *call, const struct vl_conn *conn, const char *uuid);
/* Every guest in no order, without its document; stops at what is not 0. */
int fake_each (struct vl_call *call, const struct vl_conn *conn,
               int (*fn) (void *, const struct fake_guest *), void *opaque);

/* Adds 1 to counter NAME and answers it; -1 after a finding.  Locked only. */
int64_t fake_count (struct vl_call *call, const struct vl_conn *conn, const char *name);
/* One line of the record of calls. */
void fake_record (struct vl_call *call, const struct vl_conn *conn, const char *method,
                  const char *uuid, int answer);

/* Where a secret is noted; NULL after a finding: UUID is none. */
const char *fake_secret_path (struct vl_call *call, const struct vl_conn *conn, const char *uuid);

/* What is noted of a guest that goes to another host, and of one that comes: TEXT, NULL: nothing any
 * more; and the text, or NULL. */
#define FAKE_LEAVES "leaves"
#define FAKE_COMES "comes"
int fake_move_note (struct vl_call *call, const struct vl_conn *conn, const char *kind,
                    const char *uuid, const char *text);
const char *fake_move_noted (struct vl_call *call, const struct vl_conn *conn, const char *kind,
                             const char *uuid);

const char *fake_state_name (enum vl_state state);

/* ---- plan.c ---- */

/* Are `fail` and `delay_ms` well formed?  0, or -1 after a finding each. */
int fake_check_plan (struct vl_call *call);
/* Begins CALL: waits, counts, fails where it is told to.  The lock, or -1 after
 * a finding. */
int fake_begin (struct vl_call *call, const struct vl_conn *conn, const char *method,
                const char *uuid);
/* The same without the wait, of so many milliseconds, which is up to the caller. */
int fake_begin_now (struct vl_call *call, const struct vl_conn *conn, const char *method,
                    const char *uuid);
int64_t fake_delay (struct vl_call *call, const char *method);
/* Records the method, lets the lock go and hands ANSWER on. */
int fake_end (struct vl_call *call, const struct vl_conn *conn, int lock, const char *method,
              const char *uuid, int answer);
/* Waits and fails as planned, for a method that only reads. */
int fake_pass (struct vl_call *call, const struct vl_conn *conn, const char *method);

/* ---- power.c, inventory.c ---- */

int fake_not_found (struct vl_call *call, const char *uuid);
/* GUEST, of which a document was taken, starts: it has a number, and has booted once more. */
int fake_start (struct vl_call *call, struct vl_conn *conn, struct fake_guest *guest);
int fake_finish_migration (struct vl_call *call, struct vl_conn *conn,
                           const struct vl_spawn *spawn);
int fake_finish_revert_migration (struct vl_call *call, struct vl_conn *conn,
                                  const struct vl_spawn *spawn);

/* GUEST gets the document of SPAWN.  Does what a hypervisor does with it: refuses what its schema
 * does not know, and reads the rest back.  0, or -1 after findings. */
int fake_take_document (struct vl_call *call, const struct vl_spawn *spawn,
                        struct fake_guest *guest);

/* figures.c, consoles.c */
int fake_get_available_resource (struct vl_call *call, struct vl_conn *conn,
                                 struct vl_resources *resources);
int fake_get_host_cpu_stats (struct vl_call *call, struct vl_conn *conn, struct vl_host_cpu *cpu);
int fake_get_instance_diagnostics (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                                   vl_diagnostics_fn fn, void *opaque);
int fake_get_vnc_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                          struct vl_console *console);
int fake_get_spice_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                            struct vl_console *console);
int fake_get_serial_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                             struct vl_console *console);
/* picture.c */
int fake_screenshot (struct vl_call *call, struct vl_conn *conn, const char *uuid, const void **png,
                     size_t *length);
/* consoles.c: <devices> of guest UUID for METHOD, or NULL after a finding. */
const struct vl_xml *fake_devices_of (struct vl_call *call, struct vl_conn *conn,
                                      const char *method, const char *uuid);

extern const struct vl_devices_calls fake_devices; /* devices.c */
extern const struct vl_power_calls fake_power;
extern const struct vl_migration_calls fake_migration; /* migration.c */
extern const struct vl_inventory_calls fake_inventory;
extern const struct vl_console_calls fake_console;
extern const struct vl_secrets_calls fake_secrets; /* secrets.c */
extern const struct vl_events_calls fake_events;   /* events.c */
extern const struct vl_images_calls fake_images;   /* images.c */
extern const struct vl_guest_calls fake_guest_calls;

#endif
