/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of `plugin check` share.  The module's code runs in children only,
 * one for each stage; what they find out is in memory that they share with the parent,
 * which alone prints. */

#ifndef VL_PLUGIN_CHECK_H
#define VL_PLUGIN_CHECK_H

#include "tool.h"

#include <limits.h>
#include <sys/types.h>
#include <time.h>

#define TAP_BYTES ((size_t)1 << 20)
#define MOST_PLANS 4096
/* In the trial's folder; a request names it as @volume@. */
#define TRIAL_VOLUME "volume.raw"
#define TRIAL_VOLUME_BYTES (1 << 20)

#if defined __SANITIZE_ADDRESS__
/* The sanitizer's own memory is without bounds. */
#define HAS_MEMORY_LIMIT 0
#else
#define HAS_MEMORY_LIMIT 1
#endif

/* In memory that the children share. */
struct tap {
  int tests, failures;
  size_t length, dropped;
  char text[TAP_BYTES]; /* lines of the stage under way */

  int finished;          /* the stage came to its end */
  off_t at_end;          /* what was written until then */
  int quick;             /* the driver needs that processes end by _exit () */
  int broken;            /* nothing more can be asked of the module */
  int late;              /* a deadline has passed, as it would again */
  int active;            /* a plan was made in which it is active */
  int watched;           /* system calls are watched */
  time_t planned;        /* when the last request was planned */
  char folder[PATH_MAX]; /* of the trial, for who begins again */
  char asked[128];       /* the first one of the module that is not for it: "openat in validate" */
  char fact[256];        /* the first one that it asked for and that no host says */
  uint64_t plans[MOST_PLANS]; /* what became of the N-th request, as a hash */
};

struct checking {
  struct tool *tool;
  struct tap *tap;
  int tap_fd;
  const char *file; /* as it was given */
  char *name;       /* of the plugin, from the file's name */
  char *folder;     /* STATE of the trial, with the files that it needs */
  json_t *request;  /* --request, or NULL */
  unsigned seconds; /* a stage may take */
  struct elf_facts elf;
  struct vl_note_desc note; /* as the gate read it */
};

/* "ok N - WHAT" or "not ok N - WHAT" with "# why" below; answers OK. */
int tap_ok (struct tap *tap, int ok, const char *what, const char *fmt, ...) VL_PRINTF (4, 5);
void tap_skip (struct tap *tap, const char *what, const char *why);
void tap_note (struct tap *tap, const char *fmt, ...) VL_PRINTF (2, 3);
/* Each finding of APP, as a note. */
void tap_findings (struct tap *tap, const struct vl_app *app);
/* Is one of them that the module did what no plugin may? */
int tap_faulty (const struct vl_app *app);
/* TEXT with the path of the trial's volume for each "@volume@"; the caller frees. */
char *trial_text (struct checking *c, const char *text);
/* Prints what there is. */
void tap_flush (struct tap *tap);

/* ---- plugin-stage.c ---- */

/* Runs RUN in a child: with a deadline, a limit of memory, and a file to write to.  A child
 * that does not come to its end, has not done with that, or leaves others behind, is a failed
 * test "WHAT comes to its end". */
void stage_run (struct checking *c, const char *what, void (*run) (struct checking *));
/* Runs this program anew for one more stage, WHAT, see plugin_check (): nothing that a process
 * is born with is as it was. */
void stage_again (struct checking *c, const char *what);
/* What the child of the stage under way writes to. */
extern int stage_written;

/* ---- plugin-process.c ---- */

/* The first line of what was written from WHERE on; the caller frees. */
char *stage_words (off_t where);
/* In the child: what the process is, to be compared with what it is afterwards: one
 * test, "WHAT leaves the process as it was". */
struct process_state;
struct process_state *stage_look (void);
/* PROGRAMS: the core itself runs some in between. */
void stage_compare (struct checking *c, const char *what, struct process_state *before,
                    int programs);

/* ---- plugin-watch.c ---- */

/* From here on, in this child, what the module asks the system for while a guest is
 * planned is noted in TAP->asked.  Sets TAP->watched where that is possible. */
void watch_begin (struct checking *c);
/* The same of the time, which costs the core some: from here on, or with ON 0 no more. */
void watch_time (int on);

/* ---- plugin-plans.c ---- */

/* A session with the module, in configuration folder CONFIG and for HOST if they are not NULL;
 * WITH 0: without it.  *RESULT is whether all was loaded. */
struct vl_app *open_app (struct checking *c, const char *config, const char *host, int with,
                         int *result);
/* The same; NULL after failed tests where not all was loaded. */
struct vl_app *check_open (struct checking *c, const char *host, int with);
int make_plan (struct vl_app *app, const json_t *request, struct vl_plan **plan);
int is_active (const struct vl_plan *plan, const char *name);
void check_plans (struct checking *c);
void check_plans_again (struct checking *c);
void check_memory (struct checking *c);
void check_bare (struct checking *c);

/* ---- plugin-requests.c ---- */

enum layer { FLAVOR, IMAGE, BOTH, SERVER, DEVICE, N_LAYERS };
/* Asks in REQUEST, LAYER, for VALUE of ROW, an indexed one as NUMBER.  0 where the row
 * is not asked for there. */
int ask_for (json_t *request, const struct vl_prop *row, enum layer layer, int number,
             const char *value);
/* A request that asks for nothing; --request, if that was given. */
json_t *plain_request (struct checking *c);
/* Makes a guest with several of everything of REQUEST, which had none of it. */
void make_rich (json_t *request);
/* REQUEST with TRAIT required by flavor and image. */
json_t *require_trait (const json_t *request, const char *trait);
/* The request that has all rows at once, each with its value number TURN or, where that does
 * not go together with what is there already or makes no plan in APP, another.  How often the
 * module did what no plugin may is added to *FAULTY, if that is not NULL; the first time is
 * told. */
json_t *full_request (struct checking *c, struct vl_app *app, size_t turn, int *faulty);

/* ---- plugin-shapes.c ---- */

void check_shapes (struct checking *c);

/* ---- plugin-values.c ---- */

#define MOST_VALUES 256
/* The longest text that the core takes as a value. */
#define LONGEST_VALUE 4096

struct value {
  const char *text;
  int bad; /* it is no value of the row: 1.  -1: that cannot be said */
};

struct values {
  struct value list[MOST_VALUES];
  size_t n;
  char longest[LONGEST_VALUE + 1], most[LONGEST_VALUE]; /* one word; as many items as may be */
  char digits[8][24];                                   /* texts of numbers */
  size_t n_digits;
};

/* The values of ROW that are tried, into VALUES, which holds what they point to. */
void values_of (const struct vl_prop *row, struct values *values);

/* ---- plugin-settings.c ---- */

void check_settings (struct checking *c);

/* ---- plugin-tables.c: in the child ---- */

void check_tables (struct checking *c, const struct vl_plugin_info *info);
void check_page (struct checking *c, const struct vl_plugin_info *info);

/* ---- plugin-try.c: in the child ---- */

void check_loading (struct checking *c);
void check_probe (struct checking *c);
void check_callbacks (struct checking *c);
void check_server (struct checking *c);
/* Makes a server of OPTIONS, which ask for REQUEST, too, in APP; *BEFORE is what the process was then.
 * 0, or -1 after test LINE, which has failed or was skipped. */
int check_create (struct checking *c, struct vl_app *app, struct vl_create_options *options,
                  const json_t *request, const char *line, struct process_state **before);
/* A session, in which there is the server "check" that has all that the module does; NULL after test
 * LINE, which has failed or was skipped. */
struct vl_app *check_made_server (struct checking *c, const char *line,
                                  struct process_state **before);
/* Of a plugin that reaches disks: its acting calls, over real files. */
void check_storage (struct checking *c);
/* Of a driver: the suite that the shipped ones pass. */
void check_driver (struct checking *c);

#endif
