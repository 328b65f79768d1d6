/* SPDX-License-Identifier: MIT
 *
 * From a domain document to the arguments of QEMU, and to its process. */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "qemu.h"

#define MOST_ARGS 256
#define DISK "node-name={target/@dev},cache.direct=on,"

/* What is not here is refused before a guest is made, so that nothing is dropped: this has
 * what the rows below make arguments of, with the values that they know, and what asks for
 * nothing. */
const struct vl_write understood[N_UNDERSTOOD] = {
  { .path = "@type" },
  { .path = "uuid" },
  { .path = "name" },
  { .path = "metadata" },
  { .path = "memory" },
  { .path = "vcpu" },
  { .path = "clock[offset=utc]/@offset" },
  { .path = "cpu[mode=host-model]/@mode" },
  { .path = "cpu[match=exact]/@match" },
  { .path = "cpu/topology/@sockets" },
  { .path = "cpu/topology/@cores" },
  { .path = "cpu/topology/@threads" },
  { .path = "os/type[arch=x86_64]" },
  { .path = "os/boot[dev=hd]" },
  { .path = "os/smbios[mode=sysinfo]" },
  { .path = "sysinfo[type=smbios]/@type" },
  { .path = "sysinfo[type=smbios]/system" },
  { .path = "features/acpi" },
  { .path = "features/apic" },
  { .path = "features/vmcoreinfo[state=on]" },
  { .path = "iothreads" },
  { .path = "devices/emulator" },
  { .path = "devices/controller[type=usb]/@type" },
  { .path = "devices/controller[index=0]/@index" },
  { .path = "devices/disk[type=file]/@type" },
  { .path = "devices/disk[device=disk]/@device" },
  { .path = "devices/disk/driver[name=qemu]/@name" },
  { .path = "devices/disk/driver/@type" },
  { .path = "devices/disk/driver[cache=none]/@cache" },
  { .path = "devices/disk/source/@file" },
  { .path = "devices/disk/backingStore" },
  { .path = "devices/disk/target[bus=virtio]/@bus" },
  { .path = "devices/disk/target/@dev" },
  { .path = "devices/graphics[type=vnc]/@type" },
  { .path = "devices/graphics/listen[type=socket]" },
  { .path = "devices/input[type=tablet]/@type" },
  { .path = "devices/input[bus=usb]/@bus" },
  { .path = "devices/interface[type=user]/@type" },
  { .path = "devices/interface/mac/@address" },
  { .path = "devices/interface/model[type=virtio]/@type" },
  { .path = "devices/memballoon[model=virtio]" },
  { .path = "devices/rng[model=virtio]/@model" },
  { .path = "devices/rng/backend[model=random]" },
  { .path = "devices/serial[type=pty]/@type" },
  { .path = "devices/serial/log" },
  { .path = "devices/video/model[type=virtio]/@type" },
};

/* Each element at PATH becomes an option.  In braces stands the attribute or text of what
 * is below it, after a bar what stands for one that is not there; {#} is its number among
 * those of its name.  A disk's images become one value. */
static const struct {
  const char *path, *option, *value;
} rows[] = {
  { "name", "-name", "guest={}" },
  { "uuid", "-uuid", "{}" },
  { "memory", "-m", "{}K" },
  { "vcpu", "-smp", "{}" },
  { "cpu/topology", "-smp", "sockets={@sockets},cores={@cores},threads={@threads}" },
  { "os/type", "-machine", "{@machine},accel=tcg,acpi=off" },
  { "features/acpi", "-machine", "acpi=on" },
  { "features/vmcoreinfo", "-device", "vmcoreinfo" },
  { "os/boot", "-boot", "order=c" },
  { "clock", "-rtc", "base={@offset}" },
  { "sysinfo/system/entry", "-smbios", "type=1,{@name}={}" },
  { "devices/controller", "-device", "piix3-usb-uhci,id=usb" },
  { "devices/input", "-device", "usb-tablet,bus=usb.0" },
  { "devices/disk", "-blockdev", NULL },
  { "devices/disk", "-device", "virtio-blk-pci,drive={target/@dev}" },
  { "devices/interface", "-netdev", "user,id=net{#}" },
  { "devices/interface", "-device", "virtio-net-pci,netdev=net{#},mac={mac/@address}" },
  { "devices/rng", "-object", "rng-random,id=rng{#},filename={backend}" },
  { "devices/rng", "-device", "virtio-rng-pci,rng=rng{#}" },
  { "devices/serial", "-chardev",
    "pty,id=serial{#},logfile={log/@file},logappend={log/@append|off}" },
  { "devices/serial", "-device", "isa-serial,chardev=serial{#}" },
  { "devices/graphics", "-vnc", "unix:{listen/@socket}" },
  { "devices/video", "-device", "virtio-vga" },
  { "devices/memballoon", "-device",
    "virtio-balloon-pci,deflate-on-oom={@autodeflate|off},free-page-reporting="
    "{@freePageReporting|off},guest-stats-polling-interval={stats/@period|0}" },
};

/* A comma in a value is written twice. */
static const char *
escaped (struct vl_call *c, const char *text)
{
  char *out = vl_memory (c, 2 * strlen (text) + 1);

  for (size_t n = 0; *text; out[n++] = *text++)
    if (*text == ',')
      out[n++] = ',';
  return out;
}

/* What stands in braces, the N bytes of WHAT. */
static const char *
value_of (struct vl_call *c, const struct vl_xml *node, const char *what, int n, int number)
{
  char *path = (char *)vl_printf (c, "%.*s", n, what), *bar = strchr (path, '|'), *at;
  const char *found;

  if (strcmp (path, "#") == 0)
    return vl_printf (c, "%d", number);
  if (bar)
    *bar++ = '\0';
  at = strchr (path, '@');
  if (at)
    at[at == path ? 0 : -1] = '\0';
  if (*path)
    node = vl_xml_find (node, path);
  found = node == NULL ? NULL : at ? vl_xml_attr (node, at + 1) : vl_xml_text (node);
  return escaped (c, found ? found : bar ? bar : "");
}

static const char *
fill (struct vl_call *c, const struct vl_xml *node, const char *value, int number)
{
  const char *out = "";

  while (*value) {
    int text = (int)strcspn (value, "{"), inside = (int)strcspn (value + text, "}") - 1;

    out = vl_printf (c, "%s%.*s%s", out, text, value,
                     inside < 0 ? "" : value_of (c, node, value + text + 1, inside, number));
    value += text + (inside < 0 ? 0 : inside + 2);
  }
  return out;
}

/* The image of NODE, a disk or a backing store, and all below it: PREFIX is what the names
 * of its options begin with, TYPE where its format stands.  A disk has a name too. */
static const char *
image (struct vl_call *c, const struct vl_xml *node, const char *prefix, const char *type)
{
  const struct vl_xml *below = vl_xml_child (node, "backingStore");
  const char *line =
      vl_printf (c, "%s%sdriver=%s,%sfile.driver=file,%sfile.filename=%s",
                 *prefix ? "" : fill (c, node, DISK, 0), prefix, fill (c, node, type, 0), prefix,
                 prefix, fill (c, node, "{source/@file}", 0));

  if (below == NULL || vl_xml_child (below, "source") == NULL)
    return line;
  prefix = vl_printf (c, "%sbacking.", prefix);
  return vl_printf (c, "%s,%s", line, image (c, below, prefix, "{format/@type}"));
}

static void
add (char **argv, const char *option, const char *value)
{
  size_t n = 0;

  while (argv[n])
    n++;
  if (n < MOST_ARGS) {
    argv[n] = (char *)option;
    argv[n + 1] = (char *)value;
  }
}

char **
command_line (struct vl_call *c, const struct vl_xml *domain, const char *socket,
              const char *incoming)
{
  char **argv = vl_memory (c, (MOST_ARGS + 2) * sizeof *argv);

  add (argv, EMULATOR, "-nodefaults");
  add (argv, "-no-user-config", "-daemonize");
  add (argv, "-sandbox", "on,obsolete=deny,resourcecontrol=deny");
  add (argv, "-display", "none");
  /* What this emulator can do is the model of a host without hardware help. */
  add (argv, "-cpu", "max");
  add (argv, "-qmp", vl_printf (c, "unix:%s,server=on,wait=off", escaped (c, socket)));
  if (incoming)
    add (argv, "-incoming", vl_printf (c, "exec:%s", incoming));
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct vl_xml *node = vl_xml_find (domain, rows[i].path);

    for (int n = 0; node; node = vl_xml_next (node, vl_xml_name (node)), n++)
      add (argv, rows[i].option,
           rows[i].value ? fill (c, node, rows[i].value, n)
                         : image (c, node, "", "{driver/@type}"));
  }
  for (int n = atoi (fill (c, domain, "{iothreads}", 0)); n > 0; n--)
    add (argv, "-object", vl_printf (c, "iothread,id=iothread%d", n));
  if (argv[MOST_ARGS - 1] == NULL)
    return argv;
  vl_refuse (c, VL_ERR_UNSUPPORTED, NULL, NULL,
             "the guest has too many devices; accepted: %d arguments", MOST_ARGS);
  return NULL;
}

int
run_qemu (struct vl_call *c, char **argv, const char *messages, const char *memory)
{
  char *environment[] = { "PATH=/usr/bin:/bin", (char *)vl_printf (c, "MEMORY=%s", memory), NULL };
  posix_spawn_file_actions_t files;
  char said[400] = "";
  int status = -1, error;
  FILE *file;
  pid_t child;

  posix_spawn_file_actions_init (&files);
  posix_spawn_file_actions_addopen (&files, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2 (&files, 0, 1);
  posix_spawn_file_actions_addopen (&files, 2, messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  error = posix_spawn (&child, EMULATOR, &files, NULL, argv, environment);
  posix_spawn_file_actions_destroy (&files);
  while (error == 0 && waitpid (child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status == 0)
    return 0;
  file = fopen (messages, "re");
  if (file && fgets (said, sizeof said, file))
    said[strcspn (said, "\n")] = '\0';
  if (file)
    fclose (file);
  return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "QEMU does not start: %s",
                    error ? strerror (error) : said);
}
