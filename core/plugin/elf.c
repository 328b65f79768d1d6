/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file is read once and kept while it is judged.  What holds between its parts:
 * headers lie in the file, segments in each other, tables in segments, indices in
 * tables.  A module has this process's own class, since another is refused first. */

#include <config.h>

#include "plugin/elf.h"

#include "lib/text.h"

#include <elf.h>
#include <errno.h>
#include <sys/param.h>

#define CUT_OFF "is cut off: its headers point beyond its end"
#define MOST_SPAN ((size_t)1 << 30)
#define FIRST_PART 4096 /* has the headers of nearly every module */
#define MOST_DYNAMIC 256
#define MOST_NEEDS 256
#define WORD sizeof (ElfW (Addr))

/* ELF64_R_SYM and its sisters, by our own class. */
#define R_SYMBOL(info) ((info) >> (WORD == 8 ? 32 : 8))
#define R_KIND(info) ((info) & (WORD == 8 ? 0xffffffff : 0xff))
/* The relocation that adds nothing but where the module was loaded; on other machines
 * pointers are not looked at. */
#if defined(__x86_64__)
#define R_RELATIVE R_X86_64_RELATIVE
#elif defined(__aarch64__)
#define R_RELATIVE R_AARCH64_RELATIVE
#else
#define R_RELATIVE ((unsigned long)-1)
#endif

/* Our own first bytes, from the linker: class, byte order and machine. */
extern const ElfW (Ehdr) __ehdr_start __attribute__ ((visibility ("hidden")));

void
vl_elf_free (struct vl_elf *elf)
{
  free (elf->bytes);
  free (elf->needs);
}

int
vl_elf_refuse (struct vl_elf *elf, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  elf->why = vl_arena_vprintf (elf->arena, fmt, args);
  va_end (args);
  return -1;
}

#define DAMAGED(elf, ...) vl_elf_refuse (elf, "is damaged: " __VA_ARGS__)

/* ---- headers ---- */

/* Reads the file's first N bytes, as far as they are not read yet. */
static int
read_up_to (struct vl_elf *elf, size_t n)
{
  size_t more = n > elf->n_read ? n - elf->n_read : 0;
  ssize_t got = more ? pread (elf->fd, elf->bytes + elf->n_read, more, (off_t)elf->n_read) : 0;

  elf->n_read += more;
  return got == (ssize_t)more ? 0
                              : vl_elf_refuse (elf, "cannot be read: %s",
                                               got < 0 ? strerror (errno) : "it ended early");
}

static int
check_header (struct vl_elf *elf)
{
  const ElfW (Ehdr) *header = &elf->header, *own = &__ehdr_start;
  size_t most = sizeof elf->segments / sizeof elf->segments[0];

  if (elf->size < sizeof *header || memcmp (elf->bytes, ELFMAG, SELFMAG) != 0)
    return vl_elf_refuse (elf, "is not an ELF file");
  memcpy (&elf->header, elf->bytes, sizeof *header);
  if (header->e_ident[EI_CLASS] != own->e_ident[EI_CLASS]
      || header->e_ident[EI_DATA] != own->e_ident[EI_DATA] || header->e_machine != own->e_machine)
    return vl_elf_refuse (
        elf,
        "is an ELF file for another machine: it has class %u, byte order %u, machine "
        "%u; virtloom has class %u, byte order %u, machine %u",
        header->e_ident[EI_CLASS], header->e_ident[EI_DATA], header->e_machine,
        own->e_ident[EI_CLASS], own->e_ident[EI_DATA], own->e_machine);
  if (header->e_type != ET_DYN)
    return vl_elf_refuse (elf, "is an ELF file, but not a shared object");
  if (header->e_phentsize != sizeof (ElfW (Phdr)) || header->e_phnum == 0 || header->e_phnum > most)
    return vl_elf_refuse (elf, "has %u program headers of %u bytes; accepted: 1 to %zu of %zu",
                          header->e_phnum, header->e_phentsize, most, sizeof (ElfW (Phdr)));
  if (header->e_phoff > elf->size
      || header->e_phnum * sizeof (ElfW (Phdr)) > elf->size - header->e_phoff)
    return vl_elf_refuse (elf, CUT_OFF);
  if (read_up_to (elf, header->e_phoff + header->e_phnum * sizeof (ElfW (Phdr))) < 0)
    return -1;
  memcpy (elf->segments, elf->bytes + header->e_phoff, header->e_phnum * sizeof (ElfW (Phdr)));
  return 0;
}

/* ---- segments ---- */

/* The segment that maps the N bytes at ADDRESS: from the file, where FILLED. */
static const ElfW (Phdr)
    * segment_of (const struct vl_elf *elf, uint64_t address, uint64_t n, int filled)
{
  for (size_t i = 0; i < elf->header.e_phnum; i++) {
    const ElfW (Phdr) *segment = &elf->segments[i];
    uint64_t size = filled ? segment->p_filesz : segment->p_memsz;

    if (segment->p_type == PT_LOAD && address >= segment->p_vaddr
        && address - segment->p_vaddr <= size && n <= size - (address - segment->p_vaddr))
      return segment;
  }
  return NULL;
}

static int
is_mapped (const struct vl_elf *elf, uint64_t address, uint64_t n, unsigned flags)
{
  const ElfW (Phdr) *segment = segment_of (elf, address, n, 0);

  return segment && (segment->p_flags & flags) == flags;
}

/* The N bytes that will be at ADDRESS; NULL where the file does not fill them, or
 * where ADDRESS is no multiple of ALIGN. */
static const void *
bytes_at (const struct vl_elf *elf, uint64_t address, uint64_t n, size_t align)
{
  const ElfW (Phdr) *segment = segment_of (elf, address, n, 1);

  return segment && address % align == 0
             ? elf->bytes + segment->p_offset + (address - segment->p_vaddr)
             : NULL;
}

static int
check_load (struct vl_elf *elf, const ElfW (Phdr) * segment, uint64_t *end)
{
  uint64_t page = (uint64_t)sysconf (_SC_PAGESIZE), memory = segment->p_memsz;

  if (segment->p_offset > elf->size || segment->p_filesz > elf->size - segment->p_offset)
    return vl_elf_refuse (elf, CUT_OFF);
  if (segment->p_filesz > memory || memory > MOST_SPAN || segment->p_vaddr > MOST_SPAN
      || segment->p_vaddr + memory > MOST_SPAN)
    return DAMAGED (elf, "a segment of %#llx bytes at %#llx; accepted: at most %zu MiB in all",
                    (unsigned long long)memory, (unsigned long long)segment->p_vaddr,
                    MOST_SPAN >> 20);
  if (! (segment->p_flags & PF_W) && memory != segment->p_filesz)
    return DAMAGED (elf, "a segment that nobody writes to is not in the file");
  if ((segment->p_vaddr - segment->p_offset) % page || segment->p_vaddr / page * page < *end)
    return DAMAGED (elf, "its segments overlap, or do not begin at a page");
  *end = (segment->p_vaddr + memory + page - 1) / page * page;
  return read_up_to (elf, segment->p_offset + segment->p_filesz);
}

/* Segments that the dynamic linker, or the unwinder, reads where others map them. */
static int
check_inner (struct vl_elf *elf, const ElfW (Phdr) * segment)
{
  const ElfW (Phdr) *outer = segment_of (elf, segment->p_vaddr, segment->p_filesz, 1);
  uint64_t page = (uint64_t)sysconf (_SC_PAGESIZE), room;

  if (outer == NULL || segment->p_offset - outer->p_offset != segment->p_vaddr - outer->p_vaddr)
    return DAMAGED (elf, "segment %#x lies outside of what is loaded", segment->p_type);
  room = (outer->p_vaddr + outer->p_memsz + page - 1) / page * page - segment->p_vaddr;
  if (segment->p_type == PT_TLS
          ? segment->p_memsz < segment->p_filesz || segment->p_memsz > MOST_SPAN
                || segment->p_align > page || (segment->p_align & (segment->p_align - 1))
          : segment->p_memsz > room)
    return DAMAGED (elf, "segment %#x is larger than what it lies in", segment->p_type);
  return 0;
}

static int
check_segments (struct vl_elf *elf)
{
  static const uint32_t inner[] = { PT_DYNAMIC,   PT_PHDR,         PT_NOTE,        PT_TLS,
                                    PT_GNU_RELRO, PT_GNU_EH_FRAME, PT_GNU_PROPERTY };
  const ElfW (Phdr) *stack = NULL, *first = NULL;
  uint64_t end = 0;

  for (size_t i = 0; i < elf->header.e_phnum; i++) {
    const ElfW (Phdr) *segment = &elf->segments[i];

    if (segment->p_type == PT_GNU_STACK)
      stack = segment;
    if (segment->p_type == PT_LOAD && check_load (elf, segment, &end) < 0)
      return -1;
    if (segment->p_type == PT_LOAD && first == NULL)
      first = segment;
  }
  /* One such module makes the stack of the whole process executable, and so does
   * one that says nothing of it. */
  if (stack == NULL || (stack->p_flags & PF_X))
    return vl_elf_refuse (elf, "wants an executable stack; link it with -Wl,-z,noexecstack");
  if (first == NULL)
    return DAMAGED (elf, "it has nothing to load");
  elf->span = end - first->p_vaddr;
  for (size_t i = 0; i < elf->header.e_phnum; i++)
    for (size_t k = 0; k < sizeof inner / sizeof inner[0]; k++)
      if (elf->segments[i].p_type == inner[k] && check_inner (elf, &elf->segments[i]) < 0)
        return -1;
  return 0;
}

/* ---- the dynamic section ---- */

static const ElfW (Dyn) * entry_of (const struct vl_elf *elf, int64_t tag)
{
  for (size_t i = 0; i < elf->n_dynamic; i++)
    if (elf->dynamic[i].d_tag == tag)
      return &elf->dynamic[i];
  return NULL;
}

static uint64_t
value_of (const struct vl_elf *elf, int64_t tag)
{
  const ElfW (Dyn) *entry = entry_of (elf, tag);

  return entry ? entry->d_un.d_val : 0;
}

/* The text at OFFSET of the table of texts; NULL where it does not end in there. */
static const char *
text_at (const struct vl_elf *elf, uint64_t offset)
{
  return offset < elf->strings_size
                 && memchr (elf->strings + offset, '\0', elf->strings_size - offset)
             ? elf->strings + offset
             : NULL;
}

static int
find_dynamic (struct vl_elf *elf)
{
  size_t n = 0, sections = 0;

  for (size_t i = 0; i < elf->header.e_phnum; i++)
    if (elf->segments[i].p_type == PT_DYNAMIC) {
      sections++;
      elf->dynamic = bytes_at (elf, elf->segments[i].p_vaddr, elf->segments[i].p_filesz, WORD);
      n = elf->segments[i].p_filesz / sizeof *elf->dynamic;
    }
  if (sections != 1 || elf->dynamic == NULL)
    return DAMAGED (elf, "it has no dynamic section, or several");
  for (; elf->n_dynamic < n && elf->dynamic[elf->n_dynamic].d_tag != DT_NULL; elf->n_dynamic++) {
    int64_t tag = elf->dynamic[elf->n_dynamic].d_tag;

    if (tag != DT_NEEDED && entry_of (elf, tag))
      return DAMAGED (elf, "its dynamic section says tag %#llx twice", (unsigned long long)tag);
  }
  return elf->n_dynamic == n || n > MOST_DYNAMIC ? DAMAGED (elf, "its dynamic section does not end")
                                                 : 0;
}

/* Tables that the dynamic section points at, each with its size and the size of an
 * entry: as another tag says it, and as it has to be. */
static int
check_tables (struct vl_elf *elf)
{
  static const struct {
    int64_t tag, size, entry;
    size_t least;
  } tables[] = {
    { DT_STRTAB, DT_STRSZ, 0, 1 },
    { DT_RELA, DT_RELASZ, DT_RELAENT, sizeof (ElfW (Rela)) },
    { DT_REL, DT_RELSZ, DT_RELENT, sizeof (ElfW (Rel)) },
    { DT_RELR, DT_RELRSZ, DT_RELRENT, WORD },
    { DT_JMPREL, DT_PLTRELSZ, 0, 1 },
    { DT_INIT_ARRAY, DT_INIT_ARRAYSZ, 0, WORD },
    { DT_FINI_ARRAY, DT_FINI_ARRAYSZ, 0, WORD },
    { DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ, 0, WORD },
    { DT_SYMTAB, 0, DT_SYMENT, sizeof (ElfW (Sym)) },
    { DT_PLTGOT, 0, 0, 1 },
  };
  static const int64_t texts[] = { DT_NEEDED, DT_SONAME, DT_RPATH,    DT_RUNPATH,
                                   DT_FILTER, DT_AUDIT,  DT_DEPAUDIT, DT_AUXILIARY };
  uint64_t start[2] = { value_of (elf, DT_INIT), value_of (elf, DT_FINI) };

  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    uint64_t address = value_of (elf, tables[i].tag);
    uint64_t size = tables[i].size ? value_of (elf, tables[i].size) : tables[i].least;

    if (entry_of (elf, tables[i].tag) == NULL)
      continue;
    if ((tables[i].size && entry_of (elf, tables[i].size) == NULL) || size % tables[i].least
        || ! is_mapped (elf, address, size, 0) || (tables[i].least > 1 && address % WORD)
        || (tables[i].entry && value_of (elf, tables[i].entry) != tables[i].least))
      return DAMAGED (elf, "table %#llx of its dynamic section lies outside of what is loaded",
                      (unsigned long long)tables[i].tag);
  }
  elf->strings_size = value_of (elf, DT_STRSZ);
  elf->strings = bytes_at (elf, value_of (elf, DT_STRTAB), elf->strings_size, 1);
  if (entry_of (elf, DT_STRTAB) == NULL || entry_of (elf, DT_SYMTAB) == NULL || elf->strings == NULL
      || elf->strings_size == 0)
    return DAMAGED (elf, "it has no table of texts or of symbols");
  for (size_t i = 0; i < elf->n_dynamic; i++)
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
      if (elf->dynamic[i].d_tag == texts[k] && text_at (elf, elf->dynamic[i].d_un.d_val) == NULL)
        return DAMAGED (elf, "a text of its dynamic section has no end");
  for (int i = 0; i < 2; i++)
    if (start[i] && ! is_mapped (elf, start[i], 1, PF_X))
      return DAMAGED (elf, "its code does not begin in code");
  if (value_of (elf, DT_TEXTREL) || (value_of (elf, DT_FLAGS) & DF_TEXTREL))
    return vl_elf_refuse (elf, "has text relocations; compile it with -fPIC");
  return 0;
}

/* ---- symbols ---- */

/* How many symbols the GNU hash table at ADDRESS finds; 0 where it is damaged. */
static size_t
count_gnu (struct vl_elf *elf, uint64_t address)
{
  const uint32_t *head = bytes_at (elf, address, 16, 4), *buckets, *link;
  uint64_t at;
  uint32_t last = 0;

  /* Buckets, first symbol, words of the filter, shift. */
  if (head == NULL || head[2] == 0 || (head[2] & (head[2] - 1)) || head[3] > 63)
    return 0;
  at = address + 16 + (uint64_t)head[2] * WORD;
  buckets = bytes_at (elf, at, (uint64_t)head[0] * 4, 4);
  for (uint32_t i = 0; buckets && i < head[0]; i++) {
    if (buckets[i] && buckets[i] < head[1])
      return 0;
    last = MAX (last, buckets[i]);
  }
  if (buckets == NULL || last == 0)
    return buckets ? head[1] : 0;
  do {
    link = bytes_at (elf, at + 4 * ((uint64_t)head[0] + last - head[1]), 4, 4);
    last++;
  } while (link && (*link & 1) == 0);
  return link ? last : 0;
}

static int
check_symbols (struct vl_elf *elf)
{
  uint64_t versions = value_of (elf, DT_VERSYM);

  if (entry_of (elf, DT_GNU_HASH) == NULL)
    return vl_elf_refuse (elf,
                          "has no GNU hash table of symbols; link it with -Wl,--hash-style=gnu");
  elf->n_symbols = count_gnu (elf, value_of (elf, DT_GNU_HASH));
  if (elf->n_symbols == 0)
    return DAMAGED (elf, "the index of its symbols");
  elf->symbols =
      bytes_at (elf, value_of (elf, DT_SYMTAB), elf->n_symbols * sizeof *elf->symbols, WORD);
  elf->versions = versions ? bytes_at (elf, versions, elf->n_symbols * 2, 2) : NULL;
  if (elf->symbols == NULL || (versions && elf->versions == NULL))
    return DAMAGED (elf, "its table of symbols lies outside of what is loaded");
  for (size_t i = 0; i < elf->n_symbols; i++) {
    const ElfW (Sym) *symbol = &elf->symbols[i];
    unsigned type = ELF32_ST_TYPE (symbol->st_info);

    /* One that is sought elsewhere, yet not to be sought elsewhere, is called at 0. */
    if (text_at (elf, symbol->st_name) == NULL
        || (symbol->st_shndx == SHN_UNDEF && ELF32_ST_VISIBILITY (symbol->st_other)))
      return DAMAGED (elf, "symbol %zu", i);
    if (symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && type != STT_TLS
        && ! is_mapped (elf, symbol->st_value, type == STT_OBJECT ? symbol->st_size : 0,
                        type == STT_FUNC || type == STT_GNU_IFUNC ? PF_X : 0))
      return DAMAGED (elf, "symbol '%s' lies outside of what is loaded",
                      text_at (elf, symbol->st_name));
  }
  return 0;
}

/* ---- versions ---- */

const char *
vl_elf_text (const struct vl_elf *elf, size_t i, int64_t tag)
{
  return elf->dynamic[i].d_tag == tag ? text_at (elf, elf->dynamic[i].d_un.d_val) : NULL;
}

static int
is_linked_to (const struct vl_elf *elf, const char *file)
{
  for (size_t i = 0; file && i < elf->n_dynamic; i++)
    if (vl_text_same (vl_elf_text (elf, i, DT_NEEDED), file))
      return 1;
  return 0;
}

/* Reads the versions that it needs of other files; *HIGHEST is their highest number. */
static int
read_needs (struct vl_elf *elf, unsigned *highest)
{
  uint64_t at = value_of (elf, DT_VERNEED), n = value_of (elf, DT_VERNEEDNUM);

  while (n-- > 0) {
    const ElfW (Verneed) *file = bytes_at (elf, at, sizeof *file, 4);
    uint64_t below = file ? at + file->vn_aux : 0;

    /* The linker takes for granted that it has opened the file. */
    if (file == NULL || file->vn_version != 1 || (n > 0) != (file->vn_next != 0)
        || ! is_linked_to (elf, text_at (elf, file->vn_file)))
      return DAMAGED (elf, "the versions that it needs");
    for (unsigned i = 0; i < file->vn_cnt; i++) {
      const ElfW (Vernaux) *row = bytes_at (elf, below, sizeof *row, 4);
      const char *version = row ? text_at (elf, row->vna_name) : NULL;

      if (version == NULL || (i + 1u < file->vn_cnt) != (row->vna_next != 0)
          || elf->n_needs == MOST_NEEDS)
        return DAMAGED (elf, "the versions that it needs");
      VL_GROW (elf->needs, elf->n_needs, elf->needs_size);
      elf->needs[elf->n_needs++] = (struct vl_elf_need) { version, row->vna_other & 0x7fff };
      *highest = MAX (*highest, row->vna_other & 0x7fffu);
      below += row->vna_next;
    }
    at += file->vn_next;
  }
  return 0;
}

const char *
vl_elf_symbol_of (const struct vl_elf *elf, const struct vl_elf_need *need)
{
  for (size_t i = 1; elf->versions && i < elf->n_symbols; i++)
    if ((elf->versions[i] & 0x7fffu) == need->number)
      return text_at (elf, elf->symbols[i].st_name);
  return "?";
}

static int
check_versions (struct vl_elf *elf)
{
  uint64_t at = value_of (elf, DT_VERDEF), n = value_of (elf, DT_VERDEFNUM);
  unsigned highest = 1;

  while (n-- > 0) {
    const ElfW (Verdef) *def = bytes_at (elf, at, sizeof *def, 4);
    const ElfW (Verdaux) *aux = def ? bytes_at (elf, at + def->vd_aux, sizeof *aux, 4) : NULL;

    if (aux == NULL || def->vd_version != 1 || text_at (elf, aux->vda_name) == NULL
        || (n > 0) != (def->vd_next != 0))
      return DAMAGED (elf, "the versions that it defines");
    highest = MAX (highest, def->vd_ndx);
    at += def->vd_next;
  }
  if (read_needs (elf, &highest) < 0)
    return -1;
  for (size_t i = 0; i < elf->n_symbols; i++)
    if (elf->versions ? (elf->versions[i] & 0x7fffu) > highest : highest > 1)
      return DAMAGED (elf, "symbol %zu has a version that is not there", i);
  return 0;
}

/* ---- relocations ---- */

static int
check_place (struct vl_elf *elf, uint64_t place)
{
  if (is_mapped (elf, place, WORD, PF_W))
    return 0;
  return is_mapped (elf, place, WORD, 0)
             ? vl_elf_refuse (elf, "has text relocations; compile it with -fPIC")
             : DAMAGED (elf, "a relocation at %#llx, outside of what is loaded",
                        (unsigned long long)place);
}

/* Is the word at PLACE one of the functions to call at the start and the end? */
static int
is_start (const struct vl_elf *elf, uint64_t place)
{
  return place - elf->starts[0].begin < elf->starts[0].size
         || place - elf->starts[1].begin < elf->starts[1].size;
}

/* What a relative relocation makes the word at PLACE a pointer to. */
static int
check_target (struct vl_elf *elf, uint64_t place, uint64_t target)
{
  return is_mapped (elf, target, 0, is_start (elf, place) ? PF_X : 0)
             ? 0
             : DAMAGED (elf, "a pointer to %#llx, outside of what is loaded",
                        (unsigned long long)target);
}

/* N bytes of relocations at ADDRESS, with addends or without; the first RELATIVE of
 * them the linker takes as relative ones. */
static int
check_relocations (struct vl_elf *elf, uint64_t address, uint64_t n, int addends, uint64_t relative)
{
  size_t size = addends ? sizeof (ElfW (Rela)) : sizeof (ElfW (Rel));
  const unsigned char *bytes = bytes_at (elf, address, n, WORD);

  if (n && (bytes == NULL || n % size))
    return DAMAGED (elf, "its relocations lie outside of what is loaded");
  for (uint64_t i = 0; i < n / size; i++) {
    ElfW (Rela) row = { 0 };
    const ElfW (Addr) * held;

    memcpy (&row, bytes + i * size, size);
    if (check_place (elf, row.r_offset) < 0)
      return -1;
    elf->n_starts += (unsigned)is_start (elf, row.r_offset);
    if (R_SYMBOL (row.r_info) >= elf->n_symbols
        || (i < relative && R_KIND (row.r_info) != R_RELATIVE))
      return DAMAGED (elf, "relocation %llu", (unsigned long long)i);
    if (R_KIND (row.r_info) != R_RELATIVE)
      continue;
    held = addends ? NULL : bytes_at (elf, row.r_offset, WORD, WORD);
    if (check_target (elf, row.r_offset, addends ? (uint64_t)row.r_addend : held ? *held : 0) < 0)
      return -1;
  }
  return 0;
}

/* Relative relocations in their packed form: an address, then bitmaps of the words
 * behind it. */
static int
check_packed (struct vl_elf *elf)
{
  uint64_t n = value_of (elf, DT_RELRSZ) / WORD, place = 0;
  const ElfW (Addr) *rows = bytes_at (elf, value_of (elf, DT_RELR), n * WORD, WORD);

  if (n && rows == NULL)
    return DAMAGED (elf, "its relocations lie outside of what is loaded");
  for (uint64_t i = 0; i < n; i++) {
    unsigned count = (unsigned)WORD * 8 - 1;

    if ((rows[i] & 1) == 0) {
      place = rows[i];
      count = 1;
    }
    for (unsigned bit = 0; bit < count; bit++, place += WORD) {
      const ElfW (Addr) * held;

      if (count > 1 && (rows[i] >> (bit + 1) & 1) == 0)
        continue;
      held = bytes_at (elf, place, WORD, WORD);
      elf->n_starts += (unsigned)is_start (elf, place);
      if (check_place (elf, place) < 0 || check_target (elf, place, held ? *held : 0) < 0)
        return -1;
    }
  }
  return 0;
}

static int
check_all_relocations (struct vl_elf *elf)
{
  int64_t kind = (int64_t)value_of (elf, DT_PLTREL);
  const struct {
    int64_t table, size, relative;
    int addends;
  } tables[] = {
    { DT_RELA, DT_RELASZ, DT_RELACOUNT, 1 },
    { DT_REL, DT_RELSZ, DT_RELCOUNT, 0 },
    { DT_JMPREL, DT_PLTRELSZ, DT_NULL, kind == DT_RELA },
  };

  elf->starts[0].begin = value_of (elf, DT_INIT_ARRAY);
  elf->starts[0].size = value_of (elf, DT_INIT_ARRAYSZ);
  elf->starts[1].begin = value_of (elf, DT_FINI_ARRAY);
  elf->starts[1].size = value_of (elf, DT_FINI_ARRAYSZ);
  if (value_of (elf, DT_JMPREL) && kind != DT_RELA && kind != DT_REL)
    return DAMAGED (elf, "its dynamic section does not say what its jumps are");
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
    if (check_relocations (elf, value_of (elf, tables[i].table), value_of (elf, tables[i].size),
                           tables[i].addends, value_of (elf, tables[i].relative))
        < 0)
      return -1;
  if (check_packed (elf) < 0)
    return -1;
  /* An address that no relocation moves is one of another place. */
  if (elf->n_starts * WORD != elf->starts[0].size + elf->starts[1].size)
    return DAMAGED (elf, "its functions to call at the start");
  return 0;
}

int
vl_elf_read (struct vl_elf *elf, struct vl_arena *arena, int fd, size_t size)
{
  memset (elf, 0, sizeof *elf);
  elf->arena = arena;
  elf->fd = fd;
  elf->size = size;
  elf->bytes = vl_xrealloc (NULL, size + 1, 1);
  /* What lies behind the last segment is for debuggers. */
  if (read_up_to (elf, MIN (size, FIRST_PART)) < 0 || check_header (elf) < 0
      || check_segments (elf) < 0 || find_dynamic (elf) < 0 || check_tables (elf) < 0
      || check_symbols (elf) < 0 || check_versions (elf) < 0 || check_all_relocations (elf) < 0)
    return -1;
  return 0;
}
