/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module's file as the dynamic linker will see it.  The linker trusts what it
 * maps and dies of what is damaged, so each offset, address, index and count that it
 * would follow is held against the file and against what the file maps, first. */

#ifndef VL_CORE_PLUGIN_ELF_H
#define VL_CORE_PLUGIN_ELF_H

#include "lib/alloc.h"

#include <link.h>
#include <stdint.h>

/* A version that the module needs of another file. */
struct vl_elf_need {
  const char *version;
  unsigned number;
};

struct vl_elf {
  struct vl_arena *arena;
  const char *why; /* what is wrong: a phrase whose subject is the module */
  int fd;
  unsigned char *bytes;
  size_t size, n_read;
  ElfW (Ehdr) header;
  ElfW (Phdr) segments[64];
  const ElfW (Dyn) * dynamic; /* up to its DT_NULL */
  size_t n_dynamic;
  const char *strings;
  size_t strings_size;
  const ElfW (Sym) * symbols;
  size_t n_symbols;
  const uint16_t *versions; /* of each symbol, or NULL */
  struct vl_elf_need *needs;
  size_t n_needs, needs_size;
  struct {
    uint64_t begin, size;
  } starts[2];     /* where the functions to call at the start and the end are listed */
  size_t n_starts; /* relocations of those */
  size_t span;     /* bytes of memory from the first segment's begin on */
};
#define VL_AUTOELF __attribute__ ((cleanup (vl_elf_free)))
void vl_elf_free (struct vl_elf *elf);

/* Reads the file behind FD, SIZE bytes, and checks all of it that the dynamic linker
 * acts upon.  0, or -1 with ELF->why. */
int vl_elf_read (struct vl_elf *elf, struct vl_arena *arena, int fd, size_t size);

/* Sets ELF->why; answers -1. */
int vl_elf_refuse (struct vl_elf *elf, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
/* The text of entry I of the dynamic section where it has TAG (DT_NEEDED, DT_RUNPATH ...),
 * else NULL. */
const char *vl_elf_text (const struct vl_elf *elf, size_t i, int64_t tag);
/* A symbol that the module needs in that version, or "?". */
const char *vl_elf_symbol_of (const struct vl_elf *elf, const struct vl_elf_need *need);

#endif
