/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The storage and network plugins that are shipped, linked into the test. */

#include <config.h>

#include "groups.h"

#include "plugin/load.h"
#include "plugin/loader.h"

extern const struct vl_feature block_LTX_virtloom_module, bridge_LTX_virtloom_module,
    file_LTX_virtloom_module, flat_LTX_virtloom_module, qcow2_LTX_virtloom_module,
    libvirt_network_LTX_virtloom_module, macvtap_LTX_virtloom_module, ovs_LTX_virtloom_module,
    iscsi_LTX_virtloom_module, nbd_LTX_virtloom_module, rbd_LTX_virtloom_module,
    tap_LTX_virtloom_module, user_LTX_virtloom_module, vhostuser_LTX_virtloom_module,
    vhostuser_blk_LTX_virtloom_module;

void
groups_add (struct vl_call *call, struct vl_registry *registry)
{
  static const struct {
    const char *name;
    const void *body;
  } modules[] = {
    { "block", &block_LTX_virtloom_module },
    { "bridge", &bridge_LTX_virtloom_module },
    { "file", &file_LTX_virtloom_module },
    { "flat", &flat_LTX_virtloom_module },
    { "libvirt-network", &libvirt_network_LTX_virtloom_module },
    { "macvtap", &macvtap_LTX_virtloom_module },
    { "ovs", &ovs_LTX_virtloom_module },
    { "tap", &tap_LTX_virtloom_module },
    { "qcow2", &qcow2_LTX_virtloom_module },
    { "iscsi", &iscsi_LTX_virtloom_module },
    { "nbd", &nbd_LTX_virtloom_module },
    { "rbd", &rbd_LTX_virtloom_module },
    { "user", &user_LTX_virtloom_module },
    { "vhostuser", &vhostuser_LTX_virtloom_module },
    { "vhostuser-blk", &vhostuser_blk_LTX_virtloom_module },
  };

  for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
    struct vl_plugin *plugin = vl_registry_add (registry, modules[i].name, VL_KIND_FEATURE);

    const struct vl_module module = { .span = SIZE_MAX, .body = modules[i].body };

    if (vl_plugin_adopt (call, plugin, &module) < 0 || vl_plugin_configure (call, plugin, NULL) < 0)
      abort ();
    plugin->state = VL_PLUGIN_LOADED;
  }
}
