/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The options of all verbs, and what some of them mean with one verb alone. */

#include <config.h>

#include "tool.h"

#include <string.h>

/* Those before the empty row go with every verb. */
static const struct option options[] = {
  { "config", NULL, "DIR", "a configuration folder above those of the system" },
  { "state", NULL, "DIR", "where records, images and disks are" },
  { "driver", NULL, "NAME", "the driver that acts, or that plans are made for" },
  { "host", NULL, "FILE", "plan for a recorded host: a file, or a name", 1 },
  { "output", "o", "FORMAT", "form of the answer" },
  { "quiet", "q", NULL, "no progress, no advice" },
  { "verbose", "v", NULL, "say more" },
  { "help", "h", NULL, "this text" },
  { "plugin", NULL, "FILE", "load a module that is not installed, too" REPEATABLE },
  { "tree", NULL, "DIR", NULL },
  { "version", "V", NULL, "the version" },
  { NULL, NULL, NULL, NULL },
  { "again", NULL, "FD", NULL },
  { "abandon", NULL, "PLUGIN", "give up what this plugin holds on the host" REPEATABLE },
  { "arguments", NULL, "FILE", "the arguments, a JSON object; without it, or -: stdin" },
  { "capabilities", NULL, "FILE", "libvirt's capabilities" REPEATABLE },
  { "checksum", NULL, "KIND:HEX", "sha256: or sha512: of the image's bytes as they are given" },
  { "column", "c", "COLUMN,...", "only these columns, in this order" REPEATABLE },
  { "config-drive", NULL, NULL, "with a config drive" },
  { "delay", "d", "SECONDS", "from one round to the next" },
  { "description", NULL, "TEXT", "what the server is for" },
  { "device", NULL, "NAME", "what the disk is called in the guest: vdb" },
  { "disk", NULL, "GIB", "root disk; 0: the image's own size" },
  { "disk-format", NULL, "FORMAT", "what the file is: qcow2, raw ...; never guessed" },
  { "domcapabilities", NULL, "FILE", "libvirt's domain capabilities" REPEATABLE },
  { "dry-run", NULL, NULL, "show the domain that would be made; make nothing" },
  { "fenced", NULL, NULL, "the host of before is off for certain; you answer for that" },
  { "ephemeral", NULL, "GIB", "an empty second disk" },
  { "fact", NULL, "KEY=VALUE", "a fact; a key given twice is a list" REPEATABLE },
  { "file", NULL, "FILE", "the image's bytes, which are copied" },
  { "flavor", NULL, "FLAVOR", "the flavor" },
  { "flavors", NULL, "FILE", "a catalogue of flavors in JSON" REPEATABLE },
  { "attach", NULL, NULL, "the serial console itself: what is typed goes to the guest" },
  { "diagnostics", NULL, NULL, "what the guest has done: processor, memory, disks, network" },
  { "type", NULL, "TYPE", "the console: vnc (without it), spice or serial" },
  { "follow", "f", NULL, "go on with what comes, until interrupted" },
  { "force", NULL, NULL, "although a plugin forbids it; that is recorded" },
  { "hard", NULL, NULL, "pull the plug and make the guest anew" },
  { "firmware", NULL, NULL, "the next start has libvirt choose the firmware anew" },
  { "update", NULL, NULL, "with --hard: from a plan of today, not from what is on record" },
  { "all", NULL, NULL, "all servers that it can be done to" },
  { "replace", NULL, NULL, "also a server that is on record here, and off" },
  { "hostname", NULL, "NAME", "the guest's host name; otherwise made of its name" },
  { "accept-loss", NULL, "WHAT",
    "what may go: a path of reboot --update, or what 'state check' names" REPEATABLE },
  { "image", NULL, "IMAGE", "the image" },
  { "images", NULL, "FILE", "a catalogue of images in JSON" REPEATABLE },
  { "overlay", NULL, "PATH", "which overlay is merged; else the one that the guest writes to" },
  { "pull", NULL, NULL, "copy what is below into the overlay that the guest writes to" },
  { "base", NULL, "PATH", "with --pull: the file that stays below; else none does" },
  { "key-name", NULL, "NAME", "what the --ssh-key at the same place is called" REPEATABLE },
  { "kind", NULL, "KIND", "feature, driver, storage or network" },
  { "raw", NULL, NULL, "what the guest wrote byte by byte, terminal sequences too" },
  { "list", NULL, NULL, "show all methods, with their arguments" },
  { "lines", NULL, "N", "only the last N lines" },
  { "long", NULL, NULL, "more columns" },
  { "metadata", NULL, "KEY=VALUE", "the guest's metadata" REPEATABLE },
  { "min-disk", NULL, "GIB", "least root disk of a flavor for this image" },
  { "min-ram", NULL, "MIB", "least memory of a flavor for this image" },
  { "name", NULL, "NAME", "another name" },
  { "network", NULL, "NET", "bridge=BRIDGE[,model=,mac=,mtu=] or user" REPEATABLE },
  { "no-headings", NULL, NULL, "tables without their first line" },
  { "out", NULL, "DIR", "the folder to write" },
  { "password", NULL, "FILE", "the administrator's password: the first line, - for stdin" },
  { "property", NULL, "KEY=VALUE", "a property" REPEATABLE },
  { "ram", NULL, "MIB", "memory" },
  { "rbd", NULL, "IMAGE", "POOL/IMAGE@SNAPSHOT: the image lies in Ceph, and is not copied" },
  { "reason", NULL, "TEXT", "why the server is locked" },
  { "request", NULL, "FILE", "a request file, - for stdin" },
  { "root", NULL, "DIR", "the recorded machine to judge: its /proc, /sys, /dev below DIR" },
  { "rounds", "n", "N", "so many rounds, and no more" },
  { "sort", NULL, "ORDER", "what is largest first: cpu, memory, disk, net; or name" },
  { "ssh-key", NULL, "FILE", "a public SSH key for the guest" REPEATABLE },
  { "console", NULL, "TEXT", "what the guest writes to its console" },
  { "status", NULL, "STATUS,...", "a server's, as 'server list' shows it: ACTIVE, SHUTOFF" },
  { "swap", NULL, "MIB", "swap disk" },
  { "size", NULL, "GIB", "what the volume is to have; it never gets smaller" },
  { "timeout", NULL, "SECONDS", "how long to wait" },
  { "timing", NULL, NULL, "show the time of each phase and plugin instead" },
  { "url", NULL, "URL", "where the image is downloaded from: http or https" },
  { "user-data", NULL, "FILE", "user data for the config drive" },
  { "vcpus", NULL, "N", "virtual CPUs" },
  { "volumes", NULL, NULL, "what guests have read of volumes and written to them" },
  { "volume", NULL, "VOLUME",
    "path=FILE,format=FORMAT[,bus=,boot_index=], or TYPE:WHERE[,KEY=VALUE]" REPEATABLE },
  { "web", NULL, NULL, "a page on loopback, which the address that is printed opens once" },
  { "wait", NULL, NULL, "wait for the guest, or another command on the server" },
};
#define N_OPTIONS (sizeof options / sizeof options[0])

#define SHUTDOWN "how long the guest has to shut down before its plug is pulled"
#define GUEST_FILE                                                                                 \
  {                                                                                                \
    "file", NULL, "GUEST=FILE", "what the guest has at the path GUEST" REPEATABLE                  \
  }

/* What is said of an option with one verb, instead of its row above. */
static const struct {
  const char *noun, *verb;
  struct option option;
} meanings[] = {
  { "image", "save", { "file", NULL, "FILE", "the new file to write, - for stdout", 1 } },
  { "server", "add volume", { "dry-run", NULL, NULL, "show what it would be called; do nothing" } },
  { "server", "create", GUEST_FILE },
  { "server",
    "dump create",
    { "file", NULL, "FILE", "the new file that gets the guest's memory", 1 } },
  { "server",
    "image create",
    { "name", NULL, "IMAGE", "the new image; else called as the server" } },
  { "server", "reboot", { "timeout", NULL, "SECONDS", SHUTDOWN } },
  { "server", "rebuild", GUEST_FILE },
  { "server", "rebuild", { "image", NULL, "IMAGE", "the new root disk's; else the server's own" } },
  { "server", "rebuild", { "timeout", NULL, "SECONDS", SHUTDOWN } },
  { "server",
    "rescue",
    { "image", NULL, "IMAGE", "the new disk's; else rescue_image_id's, else the server's own" } },
  { "server", "rescue", { "timeout", NULL, "SECONDS", SHUTDOWN } },
  { "server", "export", { "out", NULL, "DIR", "write UUID.json of each server into that folder" } },
  { "server", "migrate", { "dry-run", NULL, NULL, "ask all that can refuse it; do nothing" } },
  { "server", "migrate", { "timeout", NULL, "SECONDS", SHUTDOWN } },
  { "server", "migrate", { "host", NULL, "NAME", "the host that it moves to", 1 } },
  { "server", "import", { "dry-run", NULL, NULL, "say what would be done; do nothing" } },
  { "server", "resize", { "timeout", NULL, "SECONDS", SHUTDOWN } },
  { "server", "resize revert", { "timeout", NULL, "SECONDS", SHUTDOWN } },
  { "server",
    "screenshot",
    { "file", NULL, "FILE", "the new file that gets the picture; without it, or -: stdout", 1 } },
  { "server", "vnc", { "timeout", NULL, "SECONDS", "how long a viewer has to come; else no end" } },
  { "server", "stop", { "timeout", NULL, "SECONDS", SHUTDOWN } },
};

const struct option *
args_find_option (const char *name, size_t length, int letter)
{
  for (size_t i = 0; i < N_OPTIONS; i++) {
    const char *text = letter ? options[i].letter : options[i].name;

    if (text && strlen (text) == length && strncmp (text, name, length) == 0)
      return &options[i];
  }
  return NULL;
}

int
args_is_general (const struct option *option)
{
  for (const struct option *o = options; o->name; o++)
    if (o == option)
      return 1;
  return 0;
}

const struct option *
args_option (size_t i)
{
  return i < N_OPTIONS ? &options[i] : NULL;
}

const struct option *
args_meaning (const struct noun *noun, const struct verb *verb, const struct option *option)
{
  for (size_t i = 0; verb && verb->name && i < sizeof meanings / sizeof meanings[0]; i++)
    if (strcmp (meanings[i].noun, noun->name) == 0 && strcmp (meanings[i].verb, verb->name) == 0
        && strcmp (meanings[i].option.name, option->name) == 0)
      return &meanings[i].option;
  return option;
}
