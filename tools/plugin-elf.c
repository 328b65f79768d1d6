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

/* The names of TABLE's entries; NULL where they are not in the file. */
static const char *
names_of (const struct image *image, const ElfW (Shdr) * table, uint64_t *size)
{
  const ElfW (Shdr) *strings = section (image, table->sh_link);

  /* A table of texts may begin anywhere, unlike the others. */
  if (strings == NULL || strings->sh_offset >= image->length
      || strings->sh_size > image->length - strings->sh_offset)
    return NULL;
  *size = strings->sh_size;
  return (const char *)image->bytes + strings->sh_offset;
}

/* What no feature calls, and what no feature uses: that ends or makes processes, prints, opens
 * the network, reads the environment, or changes what a process has but once. */
static const char *const forbidden[] = {
  /* ends */
  "exit",
  "_exit",
  "_Exit",
  "quick_exit",
  "atexit",
  "on_exit",
  "at_quick_exit",
  "err",
  "errx",
  "verr",
  "verrx",
  "error",
  "error_at_line",
  /* makes processes and threads, or becomes another program */
  "fork",
  "vfork",
  "_Fork",
  "clone",
  "daemon",
  "system",
  "popen",
  "posix_spawn",
  "posix_spawnp",
  "execv",
  "execve",
  "execvp",
  "execvpe",
  "execl",
  "execle",
  "execlp",
  "fexecve",
  "wordexp",
  "forkpty",
  "pthread_create",
  "thrd_create",
  "__register_atfork",
  /* prints */
  "stdin",
  "stdout",
  "stderr",
  "printf",
  "__printf_chk",
  "vprintf",
  "__vprintf_chk",
  "puts",
  "putchar",
  "putchar_unlocked",
  "perror",
  "psignal",
  "psiginfo",
  "warn",
  "warnx",
  "vwarn",
  "vwarnx",
  "syslog",
  "__syslog_chk",
  "vsyslog",
  "openlog",
  "getchar",
  "scanf",
  "__isoc99_scanf",
  "_ZSt4cout",
  "_ZSt4cerr",
  "_ZSt4clog",
  "_ZSt3cin",
  /* the network */
  "socket",
  "getaddrinfo",
  "gethostbyname",
  "gethostbyname_r",
  "gethostbyname2",
  /* the environment */
  "getenv",
  "secure_getenv",
  "setenv",
  "unsetenv",
  "putenv",
  "clearenv",
  "environ",
  "__environ",
  "_environ",
  /* the process */
  "setlocale",
  "uselocale",
  "umask",
  "chdir",
  "fchdir",
  "chroot",
  "setuid",
  "seteuid",
  "setreuid",
  "setresuid",
  "setgid",
  "setegid",
  "setregid",
  "setresgid",
  "setgroups",
  "initgroups",
  "setfsuid",
  "setfsgid",
  "signal",
  "bsd_signal",
  "sysv_signal",
  "__sysv_signal",
  "sigaction",
  "sigset",
  "siginterrupt",
  "sigprocmask",
  "pthread_sigmask",
  "sigaltstack",
  "alarm",
  "ualarm",
  "setitimer",
  "timer_create",
  "setrlimit",
  "setrlimit64",
  "prlimit",
  "prlimit64",
  "nice",
  "setpriority",
  "sched_setscheduler",
  "sched_setparam",
  "sched_setaffinity",
  "pthread_setaffinity_np",
  "pthread_setname_np",
  "pthread_setcancelstate",
  "pthread_setcanceltype",
  "prctl",
  "syscall",
  "arch_prctl",
  "personality",
  "unshare",
  "setns",
  "mlock",
  "mlock2",
  "mlockall",
  "setsid",
  "setpgid",
  "setpgrp",
  "ptrace",
  "fesetround",
  "fesetenv",
  "feenableexcept",
  "mallopt",
  "setvbuf",
  "sethostname",
  "clock_settime",
  "settimeofday",
  "reboot",
};

static int
is_forbidden (const char *name)
{
  for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
    if (strcmp (forbidden[i], name) == 0)
      return 1;
  return 0;
}

typedef void (*symbol_fn) (const struct image *image, const ElfW (Sym) * symbol, const char *name,
                           struct elf_facts *facts);

static void
each_symbol (const struct image *image, const ElfW (Shdr) * table, symbol_fn fn,
             struct elf_facts *facts)
{
  uint64_t size = 0;
  const char *names = names_of (image, table, &size);
  const ElfW (Sym) *symbols = at (image, table->sh_offset, table->sh_size, 8);

  for (size_t i = 0; symbols && names && i < table->sh_size / sizeof *symbols; i++)
    if (symbols[i].st_name < size
        && memchr (names + symbols[i].st_name, '\0', size - symbols[i].st_name))
      fn (image, &symbols[i], names + symbols[i].st_name, facts);
}

/* What it exports, and what it takes of others.  Some linkers export where their own parts of
 * memory begin and end. */
static void
add_dynamic (const struct image *image, const ElfW (Sym) * symbol, const char *name,
             struct elf_facts *facts)
{
  static const char *const own[] = { "_edata", "_end", "__bss_start", "_init", "_fini" };

  (void)image;
  if (symbol->st_shndx == SHN_UNDEF) {
    if (is_forbidden (name) && facts->n_calls < sizeof facts->calls / sizeof facts->calls[0])
      facts->calls[facts->n_calls++] = name;
    return;
  }
  if (ELF32_ST_BIND (symbol->st_info) != STB_GLOBAL)
    return;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    if (strcmp (own[i], name) == 0)
      return;
  if (facts->n_symbols < sizeof facts->symbols / sizeof facts->symbols[0])
    facts->symbols[facts->n_symbols] = name;
  facts->n_symbols++;
}

/* May the bytes at ADDRESS, of section INDEX, be written to once all is linked? */
static int
is_writable (const struct image *image, size_t index, uint64_t address)
{
  const ElfW (Shdr) *in = index < image->header->e_shnum ? section (image, index) : NULL;

  if (in == NULL || (in->sh_flags & (SHF_WRITE | SHF_ALLOC)) != (SHF_WRITE | SHF_ALLOC))
    return 0;
  for (size_t i = 0; i < image->header->e_phnum; i++) {
    const ElfW (Phdr) *header = segment (image, i);

    if (header && header->p_type == PT_GNU_RELRO && address >= header->p_vaddr
        && address - header->p_vaddr < header->p_memsz)
      return 0;
  }
  return 1;
}

/* What the compiler's own start-up files, and those of C++, bring along. */
static int
is_run_time (const char *name)
{
  static const char *const beginnings[] = { "completed.", "__dso_handle", "__TMC_END__", "DW.ref.",
                                            "_ZStL8__ioinit" };

  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
    if (strncmp (beginnings[i], name, strlen (beginnings[i])) == 0)
      return 1;
  return 0;
}

static void
add_variable (const struct image *image, const ElfW (Sym) * symbol, const char *name,
              struct elf_facts *facts)
{
  int type = ELF32_ST_TYPE (symbol->st_info);

  if (facts->variable == NULL && symbol->st_shndx != SHN_UNDEF && symbol->st_size
      && (type == STT_OBJECT || type == STT_TLS) && ! is_run_time (name)
      && (type == STT_TLS || is_writable (image, symbol->st_shndx, symbol->st_value)))
    facts->variable = name;
}

static void
read_relocations (const struct image *image, const ElfW (Shdr) * table, struct elf_facts *facts)
{
  uint64_t n = table->sh_size / sizeof (ElfW (Rela));
  const ElfW (Rela) *rows = at (image, table->sh_offset, n * sizeof *rows, 8);

  for (uint64_t i = 0; rows && i < n; i++)
#if defined __x86_64__
    if (ELF64_R_TYPE (rows[i].r_info) == R_X86_64_IRELATIVE)
      facts->indirect = 1;
#elif defined __aarch64__
    if (ELF64_R_TYPE (rows[i].r_info) == R_AARCH64_IRELATIVE)
      facts->indirect = 1;
#else
    (void)facts;
#endif
}

/* Of a file without names: more bytes than start-up files have. */
static void
read_sizes (const struct image *image, struct elf_facts *facts)
{
  enum { OF_THE_RUN_TIME = 64 };
  uint64_t bytes = 0;

  for (size_t i = 0; i < image->header->e_shnum; i++) {
    const ElfW (Shdr) *part = section (image, i);

    if (part && (part->sh_type == SHT_PROGBITS || part->sh_type == SHT_NOBITS)
        && is_writable (image, i, part->sh_addr))
      bytes += part->sh_size;
  }
  if (bytes > OF_THE_RUN_TIME)
    facts->variable = "a part without a name";
}

/* Of x86: bytes that are such an instruction, or part of another one by chance.  Where instructions
 * begin cannot be told from the file alone. */
static void
find_raw (const struct image *image, const ElfW (Shdr) * header, struct elf_facts *facts)
{
  static const struct {
    unsigned char bytes[2];
    const char *name;
  } calls[] = { { { 0x0f, 0x05 }, "syscall" },
                { { 0xcd, 0x80 }, "int 0x80" },
                { { 0x0f, 0x34 }, "sysenter" } };
  const unsigned char *code = at (image, header->sh_offset, header->sh_size, 1);

  for (size_t i = 0; code && i + 1 < header->sh_size && facts->raw_is == NULL; i++)
    for (size_t k = 0; k < sizeof calls / sizeof calls[0]; k++)
      if (memcmp (code + i, calls[k].bytes, 2) == 0) {
        facts->raw = header->sh_addr + i;
        facts->raw_is = calls[k].name;
      }
}

static void
read_code (const struct image *image, struct elf_facts *facts)
{
  for (size_t i = 0; i < image->header->e_shnum; i++) {
    const ElfW (Shdr) *header = section (image, i);

    if (header && header->sh_type == SHT_PROGBITS && header->sh_flags & SHF_EXECINSTR)
      find_raw (image, header, facts);
  }
}

void
elf_read (const unsigned char *bytes, size_t length, struct elf_facts *facts)
{
  struct image image = { bytes, length, NULL };
  int named = 0;

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
      each_symbol (&image, header, add_dynamic, facts);
    if (header && header->sh_type == SHT_SYMTAB) {
      each_symbol (&image, header, add_variable, facts);
      named = 1;
    }
    if (header && header->sh_type == SHT_RELA)
      read_relocations (&image, header, facts);
  }
  if (! named)
    read_sizes (&image, facts);
  if (image.header->e_machine == EM_X86_64 || image.header->e_machine == EM_386)
    read_code (&image, facts);
}
