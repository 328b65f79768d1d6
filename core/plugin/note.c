/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The gate: what a module's file says of itself before anything of it is mapped or
 * run.  Its note, the versions of our symbols that it needs, its run path. */

#include <config.h>

#include "plugin/note.h"

#include "lib/text.h"
#include "lib/trust.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>

/* The nodes of libvirtloom.map that a module may need. */
static const char *const nodes[] = { "VIRTLOOM_PLUGIN_1" };
#define NODE "VIRTLOOM_"
#define APP_NODE "VIRTLOOM_APP_"
#define SONAME "libvirtloom.so."

static size_t
padded (size_t n, size_t align)
{
  return (n + align - 1) & ~(align - 1);
}

/* Takes our note's descriptor at BYTES, LENGTH long.  A newer one may be longer. */
static int
take_note (struct vl_elf *elf, const char *bytes, size_t length, struct vl_note_desc *desc)
{
  if (length < sizeof *desc) {
    elf->why =
        vl_arena_printf (elf->arena, "has a virtloom note of %zu bytes; accepted: at least %zu",
                         length, sizeof *desc);
    return -1;
  }
  memcpy (desc, bytes, sizeof *desc);
  if (memchr (desc->name, '\0', sizeof desc->name) == NULL
      || memchr (desc->built_for, '\0', sizeof desc->built_for) == NULL
      || vl_text_problem (desc->name, strlen (desc->name))
      || vl_text_problem (desc->built_for, strlen (desc->built_for))) {
    elf->why = "has a virtloom note whose texts are not terminated or not printable";
    return -1;
  }
  return 0;
}

/* Looks through one note segment; *FOUND counts our notes. */
static int
scan_notes (struct vl_elf *elf, const char *bytes, size_t length, size_t align,
            struct vl_note_desc *desc, int *found)
{
  size_t at = 0;

  while (length - at >= sizeof (ElfW (Nhdr))) {
    ElfW (Nhdr) note;
    const char *owner, *body;

    memcpy (&note, bytes + at, sizeof note);
    at += sizeof note;
    if (note.n_namesz > length || note.n_descsz > length
        || padded (note.n_namesz, align) > length - at
        || note.n_descsz > length - at - padded (note.n_namesz, align)) {
      elf->why = "has notes that are cut off";
      return -1;
    }
    owner = bytes + at;
    body = owner + padded (note.n_namesz, align);
    if (note.n_type == VL_NOTE_TYPE && note.n_namesz == sizeof VL_NOTE_OWNER
        && memcmp (owner, VL_NOTE_OWNER, sizeof VL_NOTE_OWNER) == 0) {
      if ((*found)++) {
        elf->why = "has two virtloom notes; a module holds one plugin";
        return -1;
      }
      if (take_note (elf, body, note.n_descsz, desc) < 0)
        return -1;
    }
    at += padded (note.n_namesz, align) + padded (note.n_descsz, align);
    if (at > length)
      break;
  }
  return 0;
}

/* ---- versions and run path ---- */

static int
judge_need (struct vl_elf *elf, const struct vl_elf_need *need, void *opaque)
{
  const struct vl_note_desc *note = opaque;
  const char *symbol = vl_elf_symbol_of (elf, need);

  if (! VL_STARTS (need->version, NODE))
    return 0;
  for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
    if (VL_STREQ (need->version, nodes[i]))
      return 0;
  if (VL_STARTS (need->version, APP_NODE))
    elf->why = vl_arena_printf (elf->arena,
                                "calls '%s' (%s), which is for applications; accepted: the calls "
                                "of types.h, feature.h and driver.h",
                                symbol ? symbol : "?", need->version);
  else
    elf->why = vl_arena_printf (
        elf->arena, "needs virtloom %s: it calls '%s' (%s), which virtloom %s lacks",
        note->built_for, symbol ? symbol : "?", need->version, PACKAGE_VERSION);
  return -1;
}

static int
judge_library (struct vl_elf *elf, const char *text, void *opaque)
{
  (void)opaque;
  if (! VL_STARTS (text, SONAME) || atoi (text + strlen (SONAME)) == VL_ABI)
    return 0;
  elf->why =
      vl_arena_printf (elf->arena, "is linked to '%s'; accepted: '%s%d'", text, SONAME, VL_ABI);
  return -1;
}

/* Whoever may write to a folder of the run path decides what the module runs.  A
 * folder that is not there yet is one that only those may make who are trusted. */
static int
judge_run_path (struct vl_elf *elf, const char *text, void *opaque)
{
  (void)opaque;
  for (;; text++) {
    size_t n = strcspn (text, ":");
    const char *entry = vl_arena_strndup (elf->arena, text, n);
    struct vl_trust trust;
    int fd;

    if (entry[0] != '/' || strchr (entry, '$')) {
      elf->why = vl_arena_printf (elf->arena,
                                  "has run path '%s'; accepted: absolute paths without '$'", entry);
      return -1;
    }
    fd = vl_trust_open (elf->arena, entry, O_PATH, &trust);
    if (fd < 0 && (trust.error != ENOENT || trust.shared)) {
      elf->why = vl_arena_printf (elf->arena, "has run path '%s', which cannot be trusted: %s%s%s",
                                  entry, trust.why, trust.hint ? "; mend it with: " : "",
                                  trust.hint ? trust.hint : "");
      return -1;
    }
    if (fd >= 0)
      close (fd);
    text += n;
    if (*text == '\0')
      return 0;
  }
}

int
vl_note_read (struct vl_arena *arena, int fd, size_t size, struct vl_note_desc *desc, size_t *span,
              const char **why)
{
  VL_AUTOELF struct vl_elf elf = { 0 };
  int found = 0, bad = vl_elf_read (&elf, arena, fd, size);

  for (size_t i = 0; bad == 0 && i < elf.header.e_phnum; i++) {
    const ElfW (Phdr) *segment = &elf.segments[i];

    if (segment->p_type == PT_NOTE)
      bad = scan_notes (&elf, (const char *)elf.bytes + segment->p_offset, segment->p_filesz,
                        segment->p_align == 8 ? 8 : 4, desc, &found);
  }
  if (bad == 0 && ! found) {
    elf.why = "has no virtloom note: it is not a virtloom module";
    bad = -1;
  }
  /* With another magic or ABI number the rest means nothing. */
  if (bad == 0 && desc->magic == VL_NOTE_MAGIC && desc->abi == VL_ABI)
    bad = vl_elf_each_need (&elf, judge_need, desc) < 0
          || vl_elf_each (&elf, DT_NEEDED, judge_library, NULL) < 0
          || vl_elf_each (&elf, DT_RPATH, judge_run_path, NULL) < 0
          || vl_elf_each (&elf, DT_RUNPATH, judge_run_path, NULL) < 0;
  *span = elf.span;
  *why = elf.why;
  return bad ? -1 : 0;
}

const char *
vl_kind_name (uint32_t kind)
{
  return kind == VL_KIND_FEATURE ? "feature" : kind == VL_KIND_DRIVER ? "driver" : "unknown kind";
}

const char *
vl_note_compare (struct vl_arena *arena, const struct vl_note_desc *desc, const char *name,
                 enum vl_kind kind)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  /* With another magic the rest means nothing. */
  if (desc->magic != VL_NOTE_MAGIC)
    return vl_arena_printf (arena, "has note magic 0x%08x, virtloom has 0x%08x", desc->magic,
                            VL_NOTE_MAGIC);
  if (desc->abi != VL_ABI)
    vl_str_printf (&text, "; has ABI %u (built for virtloom %s), virtloom %s has ABI %u", desc->abi,
                   desc->built_for, PACKAGE_VERSION, (unsigned)VL_ABI);
  if (desc->kind != (uint32_t)kind)
    vl_str_printf (&text, "; is a %s (%u), its conf says %s (%u)", vl_kind_name (desc->kind),
                   desc->kind, vl_kind_name (kind), (unsigned)kind);
  if (! VL_STREQ (desc->name, name))
    vl_str_printf (&text, "; is named '%s' by its note, '%s' by its file and conf", desc->name,
                   name);
  return text.length ? vl_arena_strdup (arena, text.text + 2) : NULL;
}
