/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vhostuser: interfaces that a switch in another process serves, from the guest's own memory. */

#include <config.h>

#include "local.h"

#include "lib/text.h"

#include <string.h>
#include <sys/un.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const struct vl_prop props[] = {
  { .name = "directories",
    .type = VL_LIST,
    .deflt = "/run/openvswitch,/var/run/openvswitch,/run/vhostuser",
    .setting = "socket_directories",
    .help = "folders of the host that may have the sockets of switches",
    .since = "0.1.0" },
  { .name = "shared",
    .type = VL_BOOL,
    .help = "does another process map the guest's memory",
    .since = "0.1.0" },
};

static const char *const types[] = { "vhostuser", NULL };
static const char *const details[] = {
  "vhostuser_fp_plug", "vhostuser_mode",         "vhostuser_ovs_plug",
  "vhostuser_socket",  "vhostuser_vrouter_plug", NULL,
};
/* Those of Nova's that add a port to a switch. */
static const char *const plugs[] = { "vhostuser_fp_plug", "vhostuser_ovs_plug",
                                     "vhostuser_vrouter_plug", NULL };
static const char *const modes[] = { "client", "server", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" },
                                          { .path = "memoryBacking/access" },
                                          { .path = "memoryBacking/source" } };
static const struct vl_name reads[] = { { .name = VL_GUEST_NIC },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "file-memory.mib", .flags = VL_OPTIONAL } };

/* What QEMU is to the switch. */
static const char *
mode_of (struct vl_call *c, const struct vl_nic *nic)
{
  const char *mode = vl_nic_info (c, nic, "vhostuser_mode");

  return mode ? mode : "server";
}

static int
check_plugs (struct vl_call *c, const struct vl_nic *nic)
{
  for (const char *const *plug = plugs; *plug; plug++) {
    const char *value = vl_nic_info (c, nic, *plug);

    if (value && strcmp (value, "false"))
      return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                           "make the port yourself, and leave this out",
                           "$.networks[%d]: ports of a switch in user space are not made here (%s)",
                           nic->index, *plug);
  }
  return 0;
}

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  nic->carrier = VL_CARRIER_PROCESS;
  nic->source = vl_nic_info (c, nic, "vhostuser_socket");
  if (nic->source == NULL)
    return vl_refuse_as (c, VL_ERR_REQUEST, "VifDetailsMissingVhostuserSockPath", NULL,
                         "name it: \"details\": {\"vhostuser_socket\": \"/run/vhostuser/web\"}",
                         "$.networks[%d] has type vhostuser and no vhostuser_socket", nic->index);
  if (! vl_text_among (mode_of (c, nic), modes))
    return vl_refuse (c, VL_ERR_REQUEST, NULL, NULL,
                      "$.networks[%d]: '%s' is no vhostuser_mode; accepted: client server",
                      nic->index, mode_of (c, nic));
  if (nic->model == NULL || strcmp (nic->model, "virtio"))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                         "leave the model out, or ask for virtio",
                         "$.networks[%d]: a switch in user space serves virtio only, not '%s'",
                         nic->index, nic->model ? nic->model : "none");
  return check_plugs (c, nic);
}

/* Is PATH a plain name in FOLDER? */
static int
is_in (const char *path, const char *folder)
{
  size_t n = strlen (folder);
  const char *name = path + n + 1;

  return strncmp (path, folder, n) == 0 && path[n] == '/' && *name && *name != '.'
         && name[strspn (name, ALNUM "._-")] == '\0';
}

/* Another socket of this host is none of a guest's: behind one may be who may do everything. */
static int
check_socket (struct vl_call *c, const struct vl_nic *nic)
{
  const char *path = nic->source;
  VL_AUTOSTR struct vl_str all = { 0 };

  if (strlen (path) >= sizeof ((struct sockaddr_un *)NULL)->sun_path)
    return vl_refuse (c, VL_ERR_REQUEST, NULL, NULL,
                      "$.networks[%d]: vhostuser_socket has %zu bytes; accepted: at most %zu",
                      nic->index, strlen (path), sizeof ((struct sockaddr_un *)NULL)->sun_path - 1);
  for (size_t i = 0; i < vl_count (c, "directories"); i++) {
    if (is_in (path, vl_item (c, "directories", i)))
      return 0;
    vl_str_printf (&all, " %s", vl_item (c, "directories", i));
  }
  return vl_refuse (c, VL_ERR_REQUEST, "directories",
                    "socket_directories in plugins.d/vhostuser.conf says which folders there are",
                    "$.networks[%d]: '%s' is no socket of a switch; accepted: a name of letters, "
                    "digits, '.', '_' and '-' in one of%s",
                    nic->index, path, all.length ? all.text : " no folder");
}

static int
is_ours (const struct vl_nic *nic)
{
  return strcmp (nic->type, types[0]) == 0;
}

static int
resolve (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (is_ours (vl_nic (c, i)))
      return vl_put (c, "shared", "true", NULL, "a switch reads and writes it");
  return 0;
}

static int
validate (struct vl_call *c)
{
  int result = 0;

  /* It masks a vector that only KVM has given it. */
  if (vl_is (c, VL_GUEST_VIRT_TYPE, "qemu") && vl_has (c, "shared"))
    vl_warn_as (c, "EmulatedVhostUser", "shared", "use KVM, or boot the guest with pci=nomsi",
                "QEMU 7.2 crashes when it emulates a guest that uses MSI-X on an interface of type "
                "vhostuser");
  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (is_ours (vl_nic (c, i)) && check_socket (c, vl_nic (c, i)) < 0)
      result = -1;
  return result;
}

/* Memory that another process can map; huge pages, where the guest has them, are memfd's too.  That in files
 * is as it is. */
static int
contribute (struct vl_call *c)
{
  if (! vl_has (c, "shared") || vl_int (c, "file-memory.mib") > 0)
    return 0;
  vl_set (vl_ensure (c, "memoryBacking/source", "shared"), "type", "memfd");
  return vl_set (vl_ensure (c, "memoryBacking/access", "shared"), "mode", "shared");
}

static int
claim (struct vl_call *c)
{
  return local_claim (c, types[0], "VHOSTUSER", NULL);
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  struct vl_node *source = vl_ensure_in (node, "source");

  vl_set (source, "type", "unix");
  vl_set (source, "path", nic->source);
  return vl_set (source, "mode", mode_of (c, nic));
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (vhostuser, "vhostuser", .version = VL_VERSION,
            .summary = "interfaces that a switch in user space serves", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .validate = validate, .contribute = contribute, .claim = claim, .network = &calls);
