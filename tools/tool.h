/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the command share: one run of it, its arguments, its output
 * as a table or as JSON.  Texts are the context's memory (vl_printf) unless said
 * otherwise, so that nobody frees them one by one. */

#ifndef VL_TOOL_H
#define VL_TOOL_H

#include <virtloom/virtloom.h>

#include "lib/alloc.h"
#include "lib/text.h"

#include <jansson.h>
#include <signal.h>

struct args;

/* One run of the command. */
struct tool {
  struct vl_app_options options; /* of the session */
  struct vl_app *app;
  struct vl_call *call; /* of APP, for vl_refuse and vl_printf */
  struct args *args;
  const char *format; /* "table", "json", "xml" */
  int json;           /* FORMAT is "json" */
  int quiet, verbose;
  json_t *data; /* what -o json prints, the findings apart; owned */
  int printed;  /* stdout has all that there is to say: no JSON of our own */
};

/* ---- args.c: nouns, verbs, options ---- */

struct option {
  const char *name, *letter; /* "output", "o" or NULL */
  const char *value;         /* what is behind it ("DIR"), NULL: nothing */
  const char *help;          /* NULL: hidden; ends with REPEATABLE where it may be given again */
  int maybe;                 /* what is called FILE need not be there: a new one, or a name */
};
#define REPEATABLE "; repeatable"

#define VERB_NO_LOAD 0x1u  /* needs neither configuration nor plugins */
#define VERB_NO_DEBUG 0x2u /* -v means something of its own */
#define VERB_READ 0x4u     /* needs the configuration, and no module */
#define VERB_WATCHED 0x8u  /* looks at plugins: in a child, which may crash */
#define VERB_STRICT 0x10u  /* plugins that were refused are its errors */
#define VERB_HOSTS 0x20u   /* --host may be given again */
#define VERB_JSON 0x40u    /* answers in JSON where nothing else is asked for */
#define VERB_MOVES 0x100u  /* --host is a host to go to, and no recorded one */
#define VERB_ENDLESS 0x80u /* takes as long as it takes, watched or not */

struct verb {
  const char *name;    /* "create", "event list"; NULL: the noun alone */
  const char *words;   /* "FLAVOR", "[SERVER]", "SERVER..."; NULL: none */
  int least, most;     /* how many words, -1: any number */
  const char *options; /* "vcpus ram property", NULL: only those of every verb */
  const char *formats; /* "table json": the first is what comes without -o */
  const char *help, *example;
  unsigned flags;
  /* 0; -1 after a finding; or an exit code of its own. */
  int (*run) (struct tool *);
};

struct noun {
  const char *name, *help;
  const struct verb *verbs; /* ends with one whose RUN is NULL */
};
extern const struct noun *const nouns[]; /* NULL-terminated; main.c */

struct args {
  const struct noun *noun;
  const struct verb *verb;
  char **argv;        /* as main has it */
  const char **words; /* behind noun and verb */
  size_t n_words;
  struct given {
    const struct option *option;
    const char *value;
    int letter; /* it was given as "-f" */
  } * given;
  size_t n_given;
  const char **lists[16]; /* handed out by args_list */
  size_t n_lists;
  int help, version, bad;
  const char *message; /* of what is BAD; malloc */
  const char *hint;    /* malloc, or NULL */
};

/* What ARGV says.  Mistakes are in BAD: reported once there is a context. */
void args_parse (struct args *args, int argc, char **argv);
void args_free (struct args *args);
/* Refuses what is given to an option as a file and cannot be read, by the option's name. */
int args_check_files (struct tool *tool);
/* The last value of option NAME, NULL where it was not given. */
const char *args_value (const struct args *args, const char *name);
int args_has (const struct args *args, const char *name);
/* All values, in order, NULL-terminated; freed with ARGS. */
const char *const *args_list (struct args *args, const char *name);
/* The whole number that is the value of option NAME, in its range; OTHERWISE where it was not
 * given.  0; -1 after a finding that says range and unit, by the table of all such options. */
int args_number (struct tool *tool, const char *name, int64_t otherwise, int64_t *number);
/* The values of option NAME, "K=V" each, as properties; calloc, the caller
 * frees the array.  0; -1 after a finding. */
int args_properties (struct tool *tool, const char *name, struct vl_property **list, size_t *n);
/* The I-th option of all verbs, NULL beyond the last; one has no name. */
const struct option *args_option (size_t i);
const struct option *args_find_option (const char *name, size_t length, int letter);
int args_is_general (const struct option *option);
/* OPTION as VERB of NOUN means it: what it is called alone is of OPTION. */
const struct option *args_meaning (const struct noun *noun, const struct verb *verb,
                                   const struct option *option);
int args_takes (const struct verb *verb, const struct option *option);
/* help.c: --help of what ARGS names: everything, a noun, or a verb. */
void args_help (const struct args *args, FILE *file);

/* ---- table.c ---- */

struct column {
  const char *key, *title; /* member of the JSON object; head of the column */
  int extra;               /* only where --column names it */
};
/* What a verb that prints tables takes. */
#define TABLE_OPTIONS "column no-headings"
#define TABLE_FORMATS "table json value"

/* Prints the objects of LIST, one line each; COLUMNS ends with a NULL key. */
void table_list (struct tool *tool, const json_t *list, const struct column *columns);
/* Prints one object, a line for each member of COLUMNS that it has. */
void table_show (struct tool *tool, const json_t *object, const struct column *columns);
/* VALUE, which is taken, an object or a list of them, with the members alone that --column names. */
json_t *table_narrow (struct tool *tool, json_t *value, const struct column *columns);
/* Is one table or list of values asked for, without what else there is to show? */
int table_is_plain (const struct tool *tool);
/* VALUE as a cell: "a, b" of a list, "k=v, l=w" of an object, "-" of null.  The
 * caller frees. */
char *table_cell (const json_t *value);

/* ---- json.c ---- */

json_t *json_text (const char *text); /* null for NULL; bytes that are no UTF-8 as "?" */
json_t *json_texts (const char *const *list);
void json_put (json_t *object, const char *key, const char *text);
void json_put_int (json_t *object, const char *key, int64_t number);
json_t *json_properties (const struct vl_property *list, size_t n);
json_t *json_findings (const struct vl_app *app);
/* Shows LIST, which becomes the member NAME of what -o json prints. */
void tool_list (struct tool *tool, const char *name, json_t *list, const struct column *columns);
/* Shows OBJECT, whose members become what -o json prints. */
void tool_show (struct tool *tool, json_t *object, const struct column *columns);
/* Says that something was done; for -o json: the member "done". */
void tool_done (struct tool *tool, const char *fmt, ...) VL_PRINTF (2, 3);
void json_print (const json_t *value, FILE *file);

/* ---- environment.c ---- */

/* Leaves of the environment what decides nothing about the code that runs and the files
 * that are written; root's PATH and HOME are the system's. */
void environment_tame (void);

/* ---- fault.c ---- */

/* From here on, a fatal signal in a plugin's code, or exit, is told with its name. */
void fault_watch (void);
#ifdef VL_TOLD_AT_END
/* Sanitizers and gcov tell what they found by handlers at the end of the process. */
#define HAS_PLAIN_END 0
#else
#define HAS_PLAIN_END 1
#endif
/* Goes on in a child, and in another as often as one died of a plugin; ENDLESS: once it has
 * loaded them, as long as it takes.  0: this is the
 * child, or there can be none; 1: it has finished, with *CODE. */
int fault_fork (int *code, int endless);
/* In the child: what earlier ones died of is refused; which module is being loaded, NULL
 * none; it has answered. */
void fault_refuse (struct vl_app *app);
void fault_loading (void *opaque, const char *plugin);
void fault_finished (void);
/* In the child of an endless command: it answers a signal that stops it by an exit code. */
void fault_takes_stops (void);
/* HANDLER, with FLAGS of sigaction(2), gets the signals that stop a command, but those that are
 * ignored; all that it gets are in *SET, which may be NULL. */
void fault_on_stops (void (*handler) (int), int flags, sigset_t *set);
/* For a child of one's own: forgets what was noted; and, after the child that called
 * fault_watch is gone, what it died of: "was killed by SIGSEGV in load (FILE)", or "". */
void fault_forget (void);
const char *fault_said (void);

/* ---- output.c ---- */

/* From here on, what is written to stdout and stderr is printable but for ends of lines and
 * tabs; from output_json on, stdout has JSON alone. */
void output_open (void);
void output_json (void);
/* Bytes of a guest for who asked for them as they are. */
void output_raw (const char *bytes, size_t n);
/* Shows TEXT as the line of progress of a terminal; takes it away again. */
void output_progress (void *opaque, const char *text);
/* Says what has been waited for a second, on a terminal or not. */
void output_wait (void *opaque, const char *text);
void output_wipe (void);
/* Has who reads stdout, a pipe or a terminal, gone?  What only writes now and then asks. */
int output_is_deaf (void);

/* ---- findings.c ---- */

/* Those of APP that a user is to be told (vl_app_least_told). */
void findings_print (const struct vl_app *app, FILE *file);
/* The findings of FROM that are LEAST or worse become TO's. */
void findings_copy (struct vl_app *to, const struct vl_app *from, enum vl_severity least);
void findings_print_one (const struct vl_finding *finding, FILE *file);

/* ---- text.c ---- */

/* Does PATH name what was opened for the command: a pipe, then, is what is meant? */
int tool_is_lent (const char *path);
/* Reads a whole file, "-" being stdin, of at most LIMIT bytes; NUL-terminated,
 * the caller frees.  NULL after a finding. */
char *tool_read (struct tool *tool, const char *path, size_t limit, size_t *length);
/* Writes a file that must not exist.  0; -1 after a finding. */
int tool_write_new (struct tool *tool, const char *path, const char *text);

/* ---- guest-text.c: what a guest wrote ---- */

/* Where the text of a guest is, between its pieces; zero at first. */
struct guest_text {
  int raw; /* bytes as they are */
  enum guest_text_state { GUEST_TEXT, GUEST_ESCAPE, GUEST_CONTROL, GUEST_STRING } state;
  int returned; /* the last character was a carriage return */
  char held[4]; /* of a character that is not whole yet */
  size_t n_held;
};
/* May more bytes make a character of the N at TEXT? */
int guest_text_is_cut (const char *text, size_t n);
/* Prints the next piece to stdout without what a terminal would obey. */
void guest_text_print (struct guest_text *guest, const char *text, size_t length);
/* Prints what was held back. */
void guest_text_end (struct guest_text *guest);

/* ---- plan.c, feature.c: shared by two nouns each ---- */

/* The plan that --flavor, --image and --request ask for; that SERVER is asked for
 * beside them is refused.  Like vl_plan_request it answers -1 with a plan that has no
 * XML. */
int plan_make (struct tool *tool, const char *server, struct vl_plan **plan);
json_t *plan_provenance (const struct vl_provenance *rows, size_t n);

int plugins_list (struct tool *tool, enum vl_kind kind);
int plugins_show (struct tool *tool, enum vl_kind kind);
/* feature which: who answers for a key, setting, trait or property. */
int plugins_which (struct tool *tool);
int plugins_switch (struct tool *tool, enum vl_kind kind, int on);

/* ---- config.c, nova-import.c, host-check.c ---- */

/* The driver that options and settings name, or "auto". */
const char *tool_driver_wanted (struct tool *tool);
/* Judges the configuration of APP, which was made of OPTIONS and has loaded its plugins:
 * loads the drivers, too, and plans a guest that asks for nothing for each driver that
 * can be used here and may be chosen, with `auto` only FOR_AUTO.  Where there is none, what
 * settings say by themselves is judged, and warning DriverUnavailable says why there is none.
 * What is wrong becomes findings of APP. */
struct config_judged {
  size_t loaded, disabled, planned;
  const char *drivers; /* for which was planned: " NAME", comma, and so on */
};
struct config_judged config_judge (struct vl_app *app, const struct vl_app_options *options,
                                   int for_auto);
/* Reads, loads and plans that guest with APP; what is wrong are its findings. */
void config_plan_nothing (struct vl_app *app);
int config_import_nova (struct tool *tool);
int host_check (struct tool *tool);
/* figures.c */
int host_usage (struct tool *tool);

/* ---- facts.c ---- */

/* Is TEXT, "KEY=VALUE", a fact that there is, with a value of its kind?  0, or -1 after a
 * finding. */
int facts_check (struct tool *tool, const char *text);
/* Is KEY the name of a fact: one of virtloom-feature(3), or of a plugin that APP has? */
int facts_known (const struct vl_app *app, const char *key);
/* Warns of each fact that HOST does not say and that a plain guest takes. */
void facts_missing (struct tool *tool, const struct vl_host *host);

/* ---- plugin-check.c, plugin-elf.c, plugin-new.c ---- */

int plugin_check (struct tool *tool);
int plugin_new (struct tool *tool);

/* What a module's file says without being loaded. */
struct elf_facts {
  int binds_now, constructors;
  int indirect;            /* functions whose code is chosen while it is linked */
  const char *variable;    /* the first object that can be written to, or NULL */
  const char *symbols[16]; /* exported and defined; weak ones, as of templates, apart */
  size_t n_symbols;
  const char *calls[16]; /* what it takes of the C library that no feature may */
  size_t n_calls;
  uint64_t raw;       /* address of the first bytes in its code that may be a system call */
  const char *raw_is; /* the instruction that they would be, or NULL */
};
/* BYTES must stay as long as FACTS is used. */
void elf_read (const unsigned char *bytes, size_t length, struct elf_facts *facts);

/* ---- nouns ---- */

extern const struct noun audit_noun, config_noun, driver_noun, explain_noun, feature_noun,
    flavor_noun;
extern const struct noun host_noun, image_noun, migration_noun, plan_noun, plugin_noun, server_noun,
    state_noun;

/* plugins.c: what the program of ROW may have, "files to write, network". */
const char *program_has (struct tool *tool, const struct vl_tool_row *row);

#endif
