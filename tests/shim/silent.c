/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls of the library that fail and do not say why, as none may. */

#include <config.h>

#include <virtloom/virtloom.h>

int
vl_flavor_each (struct vl_app *app, int (*fn) (void *, const struct vl_flavor_info *), void *opaque)
{
  (void)app;
  (void)fn;
  (void)opaque;
  return -1;
}

int
vl_server_each (struct vl_app *app, int (*fn) (void *, const struct vl_server_info *), void *opaque)
{
  (void)app;
  (void)fn;
  (void)opaque;
  return -1;
}

const struct vl_server_info *
vl_server_find (struct vl_app *app, const char *server)
{
  (void)app;
  (void)server;
  return NULL;
}

int
vl_server_act (struct vl_app *app, const char *server, enum vl_server_action action,
               uint32_t timeout, int force)
{
  (void)app;
  (void)server;
  (void)action;
  (void)timeout;
  (void)force;
  return -1;
}

int
vl_image_delete (struct vl_app *app, const char *name)
{
  (void)app;
  (void)name;
  return -1;
}
