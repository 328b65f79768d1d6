/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a module's file says of itself beyond what the library's gate asks: what it
 * exports, how it was linked.  For the one who builds the module. */

#include <config.h>

#include "tool.h"

#include <elf.h>
#include <link.h>
#include <string.h>

struct image {
  const unsigned char *bytes;
  size_t length;
  const ElfW (Ehdr) * header;
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

static const ElfW (Phdr) * segment (const struct image *image, size_t i)
{
  return at (image, image->header->e_phoff + i * sizeof (ElfW (Phdr)), sizeof (ElfW (Phdr)), 8);
}

static const ElfW (Shdr) * section (const struct image *image, size_t i)
{
  return at (image, image->header->e_shoff + i * sizeof (ElfW (Shdr)), sizeof (ElfW (Shdr)), 8);
}

static void
read_dynamic (const struct image *image, const ElfW (Phdr) * header, struct elf_facts *facts)
{
  uint64_t n = header->p_filesz / sizeof (ElfW (Dyn));
  const ElfW (Dyn) *entries = at (image, header->p_offset, n * sizeof *entries, 8);

  for (uint64_t i = 0; entries && i < n && entries[i].d_tag != DT_NULL; i++) {
    uint64_t value = entries[i].d_un.d_val;

    if (entries[i].d_tag == DT_BIND_NOW || (entries[i].d_tag == DT_FLAGS && (value & DF_BIND_NOW))
        || (entries[i].d_tag == DT_FLAGS_1 && (value & DF_1_NOW)))
      facts->binds_now = 1;
    /* The compiler puts one of its own into every shared object. */
    if (entries[i].d_tag == DT_INIT_ARRAYSZ && value > sizeof (void *))
      facts->constructors = 1;
  }
}

static void
read_symbols (const struct image *image, const ElfW (Shdr) * table, struct elf_facts *facts)
{
  const ElfW (Shdr) *strings = section (image, table->sh_link);
  const ElfW (Sym) *symbols = at (image, table->sh_offset, table->sh_size, 8);
  const char *names = NULL;

  /* A table of texts may begin anywhere, unlike the others. */
  if (strings && strings->sh_offset < image->length
      && strings->sh_size <= image->length - strings->sh_offset)
    names = (const char *)image->bytes + strings->sh_offset;
  for (size_t i = 0; symbols && names && i < table->sh_size / sizeof *symbols; i++) {
    int binding = ELF32_ST_BIND (symbols[i].st_info);

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
  /* What is no ELF file of our own class, the gate says. */
  if (image.header == NULL || memcmp (image.header->e_ident, ELFMAG, SELFMAG) != 0
      || image.header->e_ident[EI_CLASS] != (sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32))
    return;
  for (size_t i = 0; i < image.header->e_phnum; i++) {
    const ElfW (Phdr) *header = segment (&image, i);

    if (header && header->p_type == PT_DYNAMIC)
      read_dynamic (&image, header, facts);
  }
  for (size_t i = 0; i < image.header->e_shnum; i++) {
    const ElfW (Shdr) *header = section (&image, i);

    if (header && header->sh_type == SHT_DYNSYM)
      read_symbols (&image, header, facts);
  }
}
