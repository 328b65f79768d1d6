/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nova's own network_info: each of its VIF objects becomes an item of a request's `networks`
 * before anything else reads it, so that all the rest knows one form. */

#include <config.h>

#include "request/json-members.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

struct vif {
  const char *bridge;
  int64_t mtu;
};

#define LOOKED_AT(member)                                                                          \
  {                                                                                                \
    .name = (member), .kind = VL_MEMBER_OTHER                                                      \
  }

static const struct vl_member meta_rows[] = {
  { .name = "mtu",
    .kind = VL_MEMBER_NUMBER,
    .offset = offsetof (struct vif, mtu),
    .max = VL_MOST_MTU },
};
static const struct vl_members meta_members = { .rows = meta_rows, .n = 1 };

/* Subnets are for who asks for addresses; what Neutron's network is called tells a guest nothing. */
static const struct vl_member network_rows[] = {
  { .name = "bridge",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vif, bridge),
    .problem = vl_interface_problem },
  LOOKED_AT ("id"),
  LOOKED_AT ("label"),
  LOOKED_AT ("meta"),
  LOOKED_AT ("subnets"),
};
static const struct vl_members network_members = {
  .rows = network_rows, .n = sizeof network_rows / sizeof network_rows[0]
};

/* Of Nova's bookkeeping: nothing here makes ports in Neutron, or removes them. */
static const char *const bookkeeping[] = {
  "active", "delegate_create", "meta", "preserve_on_delete", "qbg_params", "qbh_params", NULL,
};

/* Of META, at PATH: Nova puts into it what it likes, of which the MTU alone is for a guest. */
static void
read_meta (struct vl_reader *r, const json_t *meta, const char *path, struct vif *vif)
{
  json_t *known = json_is_object (meta) ? json_object () : json_incref ((json_t *)meta);

  if (json_is_object (meta) && json_object_get (meta, "mtu"))
    json_object_set (known, "mtu", json_object_get (meta, "mtu"));
  if (known && ! json_is_null (known))
    vl_members_read (r, known, path, &meta_members, vif);
  json_decref (known);
}

/* MEMBER of ITEM, at PATH, is VALUE from WHERE below it. */
static void
move (struct vl_reader *r, json_t *item, const char *path, const char *member, json_t *value,
      const char *where)
{
  const json_t *own = json_object_get (item, member);

  if (own && ! json_is_null (own) && ! json_equal (own, value))
    vl_reader_refuse (r, NULL, vl_arena_printf (r->arena, "%s.%s", path, where),
                      "leave one of them out", "is not what %s.%s is", path, member);
  else
    json_object_set (item, member, value);
  json_decref (value);
}

static void
move_network (struct vl_reader *r, json_t *item, const char *path)
{
  const json_t *network = json_object_get (item, "network");
  const char *where = vl_arena_printf (r->arena, "%s.network", path);
  struct vif vif = { 0 };

  if (network == NULL || json_is_null (network))
    return;
  vl_members_read (r, network, where, &network_members, &vif);
  if (json_is_object (network) && json_object_get (network, "meta"))
    read_meta (r, json_object_get (network, "meta"), vl_arena_printf (r->arena, "%s.meta", where),
               &vif);
  if (vif.bridge)
    move (r, item, path, "bridge", json_string (vif.bridge), "network.bridge");
  if (vif.mtu)
    move (r, item, path, "mtu", json_integer (vif.mtu), "network.meta.mtu");
}

/* The port's uuid is the VIF's id. */
static void
move_id (struct vl_reader *r, json_t *item)
{
  const char *id = json_string_value (json_object_get (item, "id"));
  char *nic;

  if (id == NULL || vl_uuid_problem (id))
    return;
  nic = vl_arena_printf (r->arena, "nic-%s", id);
  for (char *p = nic; *p; p++)
    *p = (char)vl_ascii_lower (*p);
  json_object_set_new (item, "id", json_string (nic));
}

/* What Neutron says of a port that no host serves. */
static void
check_bound (struct vl_reader *r, const json_t *item, const char *path)
{
  const char *type = json_string_value (json_object_get (item, "type"));

  if (vl_text_same (type, "binding_failed") || vl_text_same (type, "unbound"))
    vl_reader_refuse (r, "PortBindingFailed", vl_arena_printf (r->arena, "%s.type", path),
                      "see whether the host's agent is alive: openstack network agent list",
                      "'%s' says that Neutron has not bound the port to this host", type);
}

void
vl_vifs_translate (struct vl_reader *r, json_t *request)
{
  json_t *list = json_is_object (request) ? json_object_get (request, "networks") : NULL, *item;
  size_t i;

  json_array_foreach (list, i, item)
  {
    const char *path = vl_arena_printf (r->arena, "$.networks[%zu]", i);

    if (! json_is_object (item))
      continue;
    move_id (r, item);
    move_network (r, item, path);
    check_bound (r, item, path);
    json_object_del (item, "network");
    for (const char *const *member = bookkeeping; *member; member++)
      json_object_del (item, *member);
  }
}
