/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another password for the administrator of a guest that runs, which its agent sets.  It is handed
 * on to the driver and kept nowhere. */

#include <config.h>

#include "server/hooks.h"

#include "lib/text.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

#define MOST_BYTES 255

struct setting {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  const char *password;
};

/* What is wrong is said without the password. */
static int
judge_password (struct vl_call *call, const char *password)
{
  size_t length = password ? strlen (password) : 0;
  const char *problem = length == 0           ? "is empty; accepted: 1 to 255 bytes"
                        : length > MOST_BYTES ? "is too long; accepted: 1 to 255 bytes"
                                              : vl_text_problem (password, length);

  return problem ? vl_refuse (call, VL_ERR_REQUEST, NULL, NULL, "the password %s", problem) : 0;
}

/* The administrator's name in the guest. */
static const char *
user_of (const struct vl_hooks *hooks)
{
  const struct vl_value *user = vl_hooks_value (hooks, "os_admin_user");
  const struct vl_value *type = vl_hooks_value (hooks, "os_type");

  if (user && user->text && *user->text)
    return user->text;
  return type && vl_text_same (type->text, "windows") ? "Administrator" : "root";
}

/* Judges all that can be judged before, and writes down what is about to be done. */
static int
begin (struct setting *s)
{
  struct vl_app *app = s->app;
  const struct vl_value *agent;

  if (VL_HAS_CALL (app->call, s->driver, guest, set_admin_password) < 0
      || vl_server_judge_state (app, s->driver, &s->record, "set password") < 0
      || vl_hooks_load (&s->hooks, app, &s->record, VL_ROLE_CURRENT) < 0)
    return -1;
  app->call->host = s->hooks.host;
  if (vl_hooks_permit (&s->hooks, VL_OP_SET_PASSWORD, 0) < 0)
    return -1;
  agent = vl_hooks_value (&s->hooks, "hw_qemu_guest_agent");
  if (agent == NULL || agent->number == 0)
    return vl_refuse_as (app->call, VL_ERR_REQUEST, "QemuGuestAgentNotEnabled", NULL,
                         "the image of a server that has one says hw_qemu_guest_agent=yes",
                         "server \"%s\" has no guest agent, which sets passwords", s->record.name);
  return vl_db_begin (app->store) < 0
             ? -1
             : vl_db_finish (app->store, vl_undo_begin (app->store, s->record.uuid,
                                                        VL_OP_SERVER_PASSWORD, s->record.driver));
}

int
vl_server_set_password (struct vl_app *app, const char *server, const char *password)
{
  struct setting s = { .app = app, .password = password };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = judge_password (app->call, password);
  size_t first;

  if (result == 0)
    result = vl_server_take (app, server, vl_lock_seconds (app), &s.record, &s.driver, &lock);
  if (result == 0)
    result = begin (&s);
  first = app->call->findings.n;
  if (result == 0) {
    const char *user = user_of (&s.hooks);

    result = VL_CALL (app, s.driver, guest, set_admin_password, s.record.uuid, user, password);
    if (vl_undo_close (app->store, s.record.uuid, result < 0 ? "failed" : "done",
                       result < 0 ? vl_fault_text (app->call, first) : user)
        < 0)
      result = -1;
  }
  vl_hooks_free (&s.hooks);
  return result;
}

int
vl_server_password_mend (struct vl_app *app, const char *uuid)
{
  return vl_undo_close (app->store, uuid, "interrupted",
                        "the command that did it was killed; the password may have been set");
}
