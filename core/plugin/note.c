/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small reader of 64-bit ELF: header, program headers, notes.  Every offset
 * and size comes from a file that nobody vouches for yet, so each is held
 * against a cap and against the file's size before it is used. */

#include <config.h>

#include "plugin/note.h"

#include "lib/text.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sys/stat.h>

#define CUT_OFF "is cut off: its headers point beyond its end"
#define MOST_HEADERS 64
#define MOST_NOTE_BYTES (64 * 1024)

/* Our own first bytes, from the linker: what class, byte order and machine a
 * module must have to run in this process. */
extern const ElfW (Ehdr) __ehdr_start __attribute__ ((visibility ("hidden")));

struct reader {
  struct vl_arena *arena;
  int fd;
  uint64_t size;
  const char **why;
};

static int
read_at (struct reader *r, void *buffer, size_t n, uint64_t offset)
{
  size_t done = 0;

  if (offset > r->size || n > r->size - offset) {
    *r->why = CUT_OFF;
    return -1;
  }
  while (done < n) {
    ssize_t got = pread (r->fd, (char *)buffer + done, n - done, (off_t)(offset + done));

    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      *r->why = vl_arena_printf (r->arena, "cannot be read: %s",
                                 got < 0 ? strerror (errno) : "it ended early");
      return -1;
    }
    done += (size_t)got;
  }
  return 0;
}

static int
check_header (struct reader *r, const Elf64_Ehdr *header)
{
  if (memcmp (header->e_ident, ELFMAG, SELFMAG) != 0) {
    *r->why = "is not an ELF file";
    return -1;
  }
  if (header->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS]
      || header->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA]
      || header->e_machine != __ehdr_start.e_machine) {
    *r->why = vl_arena_printf (
        r->arena,
        "is an ELF file for another machine: it has class %u, byte order %u, machine %u; "
        "virtloom has class %u, byte order %u, machine %u",
        header->e_ident[EI_CLASS], header->e_ident[EI_DATA], header->e_machine,
        __ehdr_start.e_ident[EI_CLASS], __ehdr_start.e_ident[EI_DATA], __ehdr_start.e_machine);
    return -1;
  }
  if (header->e_type != ET_DYN) {
    *r->why = "is an ELF file, but not a shared object";
    return -1;
  }
  if (header->e_phentsize != sizeof (Elf64_Phdr) || header->e_phnum == 0
      || header->e_phnum > MOST_HEADERS) {
    *r->why =
        vl_arena_printf (r->arena, "has %u program headers of %u bytes; accepted: 1 to %d of %zu",
                         header->e_phnum, header->e_phentsize, MOST_HEADERS, sizeof (Elf64_Phdr));
    return -1;
  }
  return 0;
}

static size_t
padded (size_t n, size_t align)
{
  return (n + align - 1) & ~(align - 1);
}

/* Takes our note's descriptor at BYTES, LENGTH long.  A newer one may be longer. */
static int
take_note (struct reader *r, const char *bytes, size_t length, struct vl_note_desc *desc)
{
  if (length < sizeof *desc) {
    *r->why = vl_arena_printf (r->arena, "has a virtloom note of %zu bytes; accepted: at least %zu",
                               length, sizeof *desc);
    return -1;
  }
  memcpy (desc, bytes, sizeof *desc);
  if (memchr (desc->name, '\0', sizeof desc->name) == NULL
      || memchr (desc->built_for, '\0', sizeof desc->built_for) == NULL
      || vl_text_problem (desc->name, strlen (desc->name))
      || vl_text_problem (desc->built_for, strlen (desc->built_for))) {
    *r->why = "has a virtloom note whose texts are not terminated or not printable";
    return -1;
  }
  return 0;
}

/* Looks through one note segment; *FOUND counts our notes. */
static int
scan_notes (struct reader *r, const char *bytes, size_t length, size_t align,
            struct vl_note_desc *desc, int *found)
{
  size_t at = 0;

  while (length - at >= sizeof (Elf64_Nhdr)) {
    Elf64_Nhdr note;
    const char *owner, *body;

    memcpy (&note, bytes + at, sizeof note);
    at += sizeof note;
    if (note.n_namesz > length || note.n_descsz > length
        || padded (note.n_namesz, align) > length - at
        || note.n_descsz > length - at - padded (note.n_namesz, align)) {
      *r->why = "has notes that are cut off";
      return -1;
    }
    owner = bytes + at;
    body = owner + padded (note.n_namesz, align);
    if (note.n_type == VL_NOTE_TYPE && note.n_namesz == sizeof VL_NOTE_OWNER
        && memcmp (owner, VL_NOTE_OWNER, sizeof VL_NOTE_OWNER) == 0) {
      if ((*found)++) {
        *r->why = "has two virtloom notes; a module holds one plugin";
        return -1;
      }
      if (take_note (r, body, note.n_descsz, desc) < 0)
        return -1;
    }
    at += padded (note.n_namesz, align) + padded (note.n_descsz, align);
    if (at > length)
      break;
  }
  return 0;
}

static int
scan_segment (struct reader *r, const Elf64_Phdr *segment, struct vl_note_desc *desc, int *found)
{
  VL_AUTOFREE char *bytes = NULL;

  if (segment->p_filesz > MOST_NOTE_BYTES) {
    *r->why = vl_arena_printf (r->arena, "has %llu bytes of notes; accepted: at most %d",
                               (unsigned long long)segment->p_filesz, MOST_NOTE_BYTES);
    return -1;
  }
  bytes = vl_xcalloc (1, (size_t)segment->p_filesz + 1);
  if (read_at (r, bytes, (size_t)segment->p_filesz, segment->p_offset) < 0)
    return -1;
  return scan_notes (r, bytes, (size_t)segment->p_filesz, segment->p_align == 8 ? 8 : 4, desc,
                     found);
}

int
vl_note_read (struct vl_arena *arena, int fd, struct vl_note_desc *desc, const char **why)
{
  struct reader r = { .arena = arena, .fd = fd, .why = why };
  Elf64_Phdr segments[MOST_HEADERS];
  Elf64_Ehdr header;
  struct stat st;
  int found = 0;

  if (fstat (fd, &st) < 0 || st.st_size < (off_t)sizeof header) {
    *why = "is not an ELF file";
    return -1;
  }
  r.size = (uint64_t)st.st_size;
  if (read_at (&r, &header, sizeof header, 0) < 0 || check_header (&r, &header) < 0
      || read_at (&r, segments, header.e_phnum * sizeof *segments, header.e_phoff) < 0)
    return -1;
  for (size_t i = 0; i < header.e_phnum; i++) {
    /* One such module would make the stack of the whole process executable. */
    if (segments[i].p_type == PT_GNU_STACK && (segments[i].p_flags & PF_X)) {
      *why = "wants an executable stack; link it with -Wl,-z,noexecstack";
      return -1;
    }
    /* The dynamic linker maps what the headers say and dies of what is missing. */
    if (segments[i].p_type == PT_LOAD
        && (segments[i].p_offset > r.size
            || segments[i].p_filesz > r.size - segments[i].p_offset)) {
      *why = CUT_OFF;
      return -1;
    }
    if (segments[i].p_type == PT_NOTE && scan_segment (&r, &segments[i], desc, &found) < 0)
      return -1;
  }
  if (! found) {
    *why = "has no virtloom note: it is not a virtloom module";
    return -1;
  }
  return 0;
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
