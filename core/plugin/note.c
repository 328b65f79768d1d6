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
static const char *const nodes[] = { "VIRTLOOM_PLUGIN_1", NULL };
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
  if (length < sizeof *desc)
    return vl_elf_refuse (elf, "has a virtloom note of %zu bytes; accepted: at least %zu", length,
                          sizeof *desc);
  memcpy (desc, bytes, sizeof *desc);
  if (memchr (desc->name, '\0', sizeof desc->name) == NULL
      || memchr (desc->built_for, '\0', sizeof desc->built_for) == NULL
      || vl_text_problem (desc->name, strlen (desc->name))
      || vl_text_problem (desc->built_for, strlen (desc->built_for)))
    return vl_elf_refuse (elf,
                          "has a virtloom note whose texts are not terminated or not printable");
  return 0;
}

/* Looks through one note segment; *FOUND counts our notes. */
static int
scan_notes (struct vl_elf *elf, const ElfW (Phdr) * segment, struct vl_note_desc *desc, int *found)
{
  const char *bytes = (const char *)elf->bytes + segment->p_offset;
  size_t at = 0, length = segment->p_filesz, align = segment->p_align == 8 ? 8 : 4;

  while (at < length && length - at >= sizeof (ElfW (Nhdr))) {
    ElfW (Nhdr) note;
    size_t body;

    memcpy (&note, bytes + at, sizeof note);
    at += sizeof note;
    body = at + padded (note.n_namesz, align);
    if (note.n_namesz > length || body > length || note.n_descsz > length - body)
      return vl_elf_refuse (elf, "has notes that are cut off");
    if (note.n_type == VL_NOTE_TYPE && note.n_namesz == sizeof VL_NOTE_OWNER
        && memcmp (bytes + at, VL_NOTE_OWNER, sizeof VL_NOTE_OWNER) == 0) {
      if ((*found)++)
        return vl_elf_refuse (elf, "has two virtloom notes; a module holds one plugin");
      if (take_note (elf, bytes + body, note.n_descsz, desc) < 0)
        return -1;
    }
    at = body + padded (note.n_descsz, align);
  }
  return 0;
}

/* ---- versions and run path ---- */

static int
judge_need (struct vl_elf *elf, const struct vl_elf_need *need, const struct vl_note_desc *note)
{
  if (! VL_STARTS (need->version, NODE) || vl_text_among (need->version, nodes))
    return 0;
  if (VL_STARTS (need->version, APP_NODE))
    return vl_elf_refuse (
        elf,
        "calls '%s' (%s), which is for applications; accepted: the calls of types.h, "
        "feature.h and driver.h",
        vl_elf_symbol_of (elf, need), need->version);
  return vl_elf_refuse (elf, "needs virtloom %s: it calls '%s' (%s), which virtloom %s lacks",
                        note->built_for, vl_elf_symbol_of (elf, need), need->version,
                        PACKAGE_VERSION);
}

static int
judge_library (struct vl_elf *elf, const char *name)
{
  if (VL_STARTS (name, SONAME) && atoi (name + strlen (SONAME)) != VL_ABI)
    return vl_elf_refuse (elf, "is linked to '%s'; accepted: '%s%d'", name, SONAME, VL_ABI);
  return 0;
}

/* Whoever may write to a folder of the run path decides what the module runs.  A
 * folder that is not there yet is one that only those may make who are trusted. */
static int
judge_run_path (struct vl_elf *elf, const char *path)
{
  for (;; path++) {
    size_t n = strcspn (path, ":");
    const char *entry = vl_arena_strndup (elf->arena, path, n);
    struct vl_trust trust;
    int fd;

    if (entry[0] != '/' || strchr (entry, '$'))
      return vl_elf_refuse (elf, "has run path '%s'; accepted: absolute paths without '$'", entry);
    fd = vl_trust_open (elf->arena, entry, O_PATH, &trust);
    if (fd < 0 && (trust.error != ENOENT || trust.shared))
      return vl_elf_refuse (elf, "has run path '%s', which cannot be trusted: %s%s%s", entry,
                            trust.why, trust.hint ? "; mend it with: " : "",
                            trust.hint ? trust.hint : "");
    if (fd >= 0)
      close (fd);
    path += n;
    if (*path == '\0')
      return 0;
  }
}

/* What the module is linked to, by its dynamic section. */
static int
judge_links (struct vl_elf *elf, const struct vl_note_desc *desc)
{
  static const struct {
    int64_t tag;
    int (*judge) (struct vl_elf *, const char *);
  } links[] = {
    { DT_NEEDED, judge_library },
    { DT_RPATH, judge_run_path },
    { DT_RUNPATH, judge_run_path },
  };

  for (size_t i = 0; i < elf->n_needs; i++)
    if (judge_need (elf, &elf->needs[i], desc) < 0)
      return -1;
  for (size_t k = 0; k < sizeof links / sizeof links[0]; k++)
    for (size_t i = 0; i < elf->n_dynamic; i++) {
      const char *text = vl_elf_text (elf, i, links[k].tag);

      if (text && links[k].judge (elf, text) < 0)
        return -1;
    }
  return 0;
}

int
vl_note_read (struct vl_arena *arena, int fd, size_t size, struct vl_note_desc *desc, size_t *span,
              const char **why)
{
  VL_AUTOELF struct vl_elf elf = { 0 };
  int found = 0, bad = vl_elf_read (&elf, arena, fd, size);

  for (size_t i = 0; bad == 0 && i < elf.header.e_phnum; i++)
    if (elf.segments[i].p_type == PT_NOTE)
      bad = scan_notes (&elf, &elf.segments[i], desc, &found);
  if (bad == 0 && ! found)
    bad = vl_elf_refuse (&elf, "has no virtloom note: it is not a virtloom module");
  /* With another magic or ABI number the rest means nothing. */
  if (bad == 0 && desc->magic == VL_NOTE_MAGIC && desc->abi == VL_ABI)
    bad = judge_links (&elf, desc);
  *span = elf.span;
  *why = elf.why;
  return bad;
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
