/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a module's file says of itself without being run: the note, what it
 * exports, how it was linked.  The library's gate looks at the note alone; this
 * is for the one who builds the module. */

#include <config.h>

#include "tool.h"

#include <elf.h>
#include <string.h>

struct image {
  const unsigned char *bytes;
  size_t length;
  const Elf64_Ehdr *header;
};

/* N bytes at OFFSET, which is a multiple of ALIGN; NULL where it is not, or where
 * the file ends before them. */
static const void *
at (const struct image *image, uint64_t offset, uint64_t n, uint64_t align)
{
  if (offset > image->length || n > image->length - offset || offset % align != 0)
    return NULL;
  return image->bytes + offset;
}

static const Elf64_Phdr *
segment (const struct image *image, size_t i)
{
  return at (image, image->header->e_phoff + i * sizeof (Elf64_Phdr), sizeof (Elf64_Phdr), 8);
}

static const Elf64_Shdr *
section (const struct image *image, size_t i)
{
  return at (image, image->header->e_shoff + i * sizeof (Elf64_Shdr), sizeof (Elf64_Shdr), 8);
}

static void
read_notes (const struct image *image, const Elf64_Phdr *header, struct elf_facts *facts)
{
  uint64_t offset = header->p_offset, end = header->p_offset + header->p_filesz;
  uint64_t pad = header->p_align == 8 ? 8 : 4;

  while (offset + sizeof (Elf64_Nhdr) <= end && ! facts->has_note) {
    const Elf64_Nhdr *note = at (image, offset, sizeof *note, 4);
    uint64_t owner = offset + sizeof *note, desc;
    const char *name;

    if (note == NULL)
      return;
    desc = owner + ((uint64_t)note->n_namesz + pad - 1) / pad * pad;
    name = at (image, owner, note->n_namesz, 4);
    if (name && note->n_namesz == sizeof VL_NOTE_OWNER && note->n_type == VL_NOTE_TYPE
        && memcmp (name, VL_NOTE_OWNER, sizeof VL_NOTE_OWNER) == 0
        && note->n_descsz >= sizeof facts->note && at (image, desc, sizeof facts->note, 4)) {
      memcpy (&facts->note, at (image, desc, sizeof facts->note, 4), sizeof facts->note);
      facts->note.name[sizeof facts->note.name - 1] = '\0';
      facts->note.built_for[sizeof facts->note.built_for - 1] = '\0';
      facts->has_note = 1;
    }
    offset = desc + ((uint64_t)note->n_descsz + pad - 1) / pad * pad;
  }
}

static void
read_dynamic (const struct image *image, const Elf64_Phdr *header, struct elf_facts *facts)
{
  uint64_t n = header->p_filesz / sizeof (Elf64_Dyn);
  const Elf64_Dyn *entries = at (image, header->p_offset, n * sizeof *entries, 8);

  for (uint64_t i = 0; entries && i < n && entries[i].d_tag != DT_NULL; i++) {
    uint64_t value = entries[i].d_un.d_val;

    if (entries[i].d_tag == DT_TEXTREL || (entries[i].d_tag == DT_FLAGS && (value & DF_TEXTREL)))
      facts->text_relocations = 1;
    if (entries[i].d_tag == DT_BIND_NOW || (entries[i].d_tag == DT_FLAGS && (value & DF_BIND_NOW))
        || (entries[i].d_tag == DT_FLAGS_1 && (value & DF_1_NOW)))
      facts->binds_now = 1;
    /* The compiler puts one of its own into every shared object. */
    if (entries[i].d_tag == DT_INIT_ARRAYSZ && value > sizeof (void *))
      facts->constructors = 1;
  }
}

static void
read_symbols (const struct image *image, const Elf64_Shdr *table, struct elf_facts *facts)
{
  const Elf64_Shdr *strings = section (image, table->sh_link);
  const Elf64_Sym *symbols = at (image, table->sh_offset, table->sh_size, 8);
  const char *names = NULL;

  /* A table of texts may begin anywhere, unlike the others. */
  if (strings && strings->sh_offset < image->length
      && strings->sh_size <= image->length - strings->sh_offset)
    names = (const char *)image->bytes + strings->sh_offset;
  for (size_t i = 0; symbols && names && i < table->sh_size / sizeof *symbols; i++) {
    int binding = ELF64_ST_BIND (symbols[i].st_info);

    if (symbols[i].st_shndx == SHN_UNDEF || binding == STB_LOCAL
        || symbols[i].st_name >= strings->sh_size
        || memchr (names + symbols[i].st_name, '\0', strings->sh_size - symbols[i].st_name) == NULL)
      continue;
    if (facts->n_symbols < sizeof facts->symbols / sizeof facts->symbols[0])
      facts->symbols[facts->n_symbols] = names + symbols[i].st_name;
    facts->n_symbols++;
  }
}

void
elf_read (const unsigned char *bytes, size_t length, struct elf_facts *facts)
{
  struct image image = { bytes, length, NULL };

  memset (facts, 0, sizeof *facts);
  image.header = at (&image, 0, sizeof *image.header, 8);
  if (image.header == NULL || memcmp (image.header->e_ident, ELFMAG, SELFMAG) != 0) {
    facts->problem = "is not an ELF file";
    return;
  }
  if (image.header->e_ident[EI_CLASS] != ELFCLASS64) {
    facts->problem = "is not a 64-bit ELF file";
    return;
  }
  facts->shared = image.header->e_type == ET_DYN;
  for (size_t i = 0; i < image.header->e_phnum; i++) {
    const Elf64_Phdr *header = segment (&image, i);

    if (header && header->p_type == PT_NOTE)
      read_notes (&image, header, facts);
    else if (header && header->p_type == PT_DYNAMIC)
      read_dynamic (&image, header, facts);
    else if (header && header->p_type == PT_GNU_STACK)
      facts->exec_stack = (header->p_flags & PF_X) != 0;
  }
  for (size_t i = 0; i < image.header->e_shnum; i++) {
    const Elf64_Shdr *header = section (&image, i);

    if (header && header->sh_type == SHT_DYNSYM)
      read_symbols (&image, header, facts);
  }
}
