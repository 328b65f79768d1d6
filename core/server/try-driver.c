/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a driver says of itself and the core believes, held against what it does: with a guest
 * that is defined and never started. */

#include <config.h>

#include "server/method.h"
#include "server/plan.h"
#include "server/record.h"

#include "lib/file.h"
#include "lib/text.h"

#include <errno.h>

int
vl_driver_looked (struct vl_app *app, struct vl_plugin *driver, const char *method, int live)
{
  const struct vl_seen_back *seen = &app->call->seen_back;

  if (! driver->driver.reads_back || (live ? seen->live : seen->times))
    return 0;
  return VL_AS (app->call, driver, method,
                vl_fault (app->call,
                          "'%s' says `reads_back`, and its %s did not find the whole document in "
                          "the %s domain (vl_doc_read_back)",
                          driver->name, method, live ? "running" : "defined"));
}

int
vl_driver_spawn (struct vl_app *app, struct vl_plugin *driver, const struct vl_spawn *spawn)
{
  app->call->seen_back = (struct vl_seen_back) { 0 };
  return VL_CALL (app, driver, power, spawn, spawn) < 0
             ? -1
             : vl_driver_looked (app, driver, "spawn", spawn->power_on != 0);
}

/* ---- a guest that is not started ---- */

struct trying {
  struct vl_app *app;
  struct vl_plugin *driver;
  struct vl_plan *plan;
  struct vl_spawn spawn;
  char domain[16];
};

/* 0, or -1 after findings: 1 at the end says that it is not there any more. */
static int
forget (struct trying *t)
{
  if (VL_CALL (t->app, t->driver, power, destroy, t->spawn.uuid) < 0
      || (VL_CALL_FN (t->driver, power, cleanup)
          && VL_CALL (t->app, t->driver, power, cleanup, t->spawn.uuid) < 0))
    return -1;
  return VL_CALL (t->app, t->driver, inventory, instance_exists, t->spawn.uuid) == 0 ? 0 : -1;
}

/* What is wrong with what the driver says of the guest that it has just made, or NULL. */
static const char *
judge_info (struct trying *t, const struct vl_seen_back *seen)
{
  struct vl_info info = { .size = sizeof info, .with_xml = 1 };
  const struct vl_doc *doc = t->plan->build.doc;

  if (VL_CALL (t->app, t->driver, inventory, get_info, t->spawn.uuid, &info) < 0)
    return "get_info of a guest that spawn has just made fails";
  if (info.xml == NULL)
    return "it reads the guest back, and get_info does not say its XML (with_xml)";
  if (vl_doc_read_back (t->app->call, doc, info.xml, 0) < 0)
    return "the XML of get_info has not all that the guest's document has";
  return seen->own && ! VL_STREQ (info.xml, vl_doc_xml (doc))
             ? "its spawn compares the document with itself, not with what get_info says"
             : NULL;
}

static const char *
try_whole (struct trying *t)
{
  struct vl_seen_back seen;
  const char *why = "a guest that is not to be started cannot be made";

  if (vl_driver_spawn (t->app, t->driver, &t->spawn) == 0) {
    seen = t->app->call->seen_back;
    why = judge_info (t, &seen);
  }
  return forget (t) < 0 && why == NULL ? "such a guest does not go again" : why;
}

/* A document that cannot be carried out. */
static const char *
try_planted (struct trying *t, enum vl_planted planted)
{
  struct vl_call *call = t->app->call;
  size_t first = call->findings.n;
  const char *why;
  int made;

  vl_doc_plant (t->plan->build.doc, planted);
  made = VL_CALL (t->app, t->driver, power, spawn, &t->spawn);
  /* What is said of it is what was wanted. */
  if (made < 0)
    vl_findings_drop (call, first, call->findings.n);
  why = made == 0 ? "spawn makes such a guest"
        : VL_CALL (t->app, t->driver, inventory, instance_exists, t->spawn.uuid) != 0
            ? "spawn fails, and leaves the guest behind"
            : NULL;
  return forget (t) < 0 && why == NULL ? "what spawn refused cannot be destroyed" : why;
}

/* ---- which guests there are ---- */

/* Does CALL of the driver, an expression, fail?  What it says then was wanted. */
#define FAILS(t, ...)                                                                              \
  __extension__({                                                                                  \
    struct vl_call *fails_call_ = (t)->app->call;                                                  \
    size_t fails_first_ = fails_call_->findings.n;                                                 \
    int fails_ = (__VA_ARGS__) < 0;                                                                \
    if (fails_)                                                                                    \
      vl_findings_drop (fails_call_, fails_first_, fails_call_->findings.n);                       \
    fails_;                                                                                        \
  })
#define POWER(t, ...) VL_CALL ((t)->app, (t)->driver, power, __VA_ARGS__)
#define INVENTORY(t, ...) VL_CALL ((t)->app, (t)->driver, inventory, __VA_ARGS__)

struct listed {
  const struct trying *t;
  int times, wrong;
};

static int
count_listed (void *opaque, const char *uuid, const char *domain, enum vl_state state)
{
  struct listed *listed = opaque;

  if (uuid && VL_STREQ (uuid, listed->t->spawn.uuid)) {
    listed->times++;
    listed->wrong |=
        domain == NULL || ! VL_STREQ (domain, listed->t->domain) || state != VL_STATE_SHUTDOWN;
  }
  return 0;
}

/* What is wrong with what is said of the guest, which is THERE or not; NULL: nothing. */
static const char *
judge_inventory (struct trying *t, int there)
{
  struct vl_info info = { .size = sizeof info };
  struct listed listed = { .t = t };

  if (INVENTORY (t, instance_exists, t->spawn.uuid) != there)
    return there ? "instance_exists does not answer 1 of a guest that is there"
                 : "instance_exists does not answer 0 of a guest that is not there";
  if (INVENTORY (t, list_instances, count_listed, &listed) < 0 || listed.times != there)
    return there ? "list_instances does not list a guest that is there, once"
                 : "list_instances lists a guest that is not there";
  if (listed.wrong)
    return "list_instances says another name or state of a guest that is off";
  if (! there)
    return FAILS (t, INVENTORY (t, get_info, t->spawn.uuid, &info))
               ? NULL
               : "get_info answers for a guest that is not there";
  if (INVENTORY (t, get_info, t->spawn.uuid, &info) < 0 || info.state != VL_STATE_SHUTDOWN)
    return "get_info says another state of a guest that is off";
  return NULL;
}

/* What is wrong with what is done to a guest that is off, or NULL. */
static const char *
judge_power (struct trying *t)
{
  if (! FAILS (t, POWER (t, spawn, &t->spawn)))
    return "spawn makes a guest that is there already";
  if (VL_CALL_FN (t->driver, power, pause) && ! FAILS (t, POWER (t, pause, t->spawn.uuid)))
    return "pause answers 0 of a guest that is off";
  return judge_inventory (t, 1);
}

static const char *
try_inventory (struct trying *t)
{
  const char *why = NULL;

  if (POWER (t, destroy, t->spawn.uuid) < 0)
    return "destroy of a guest that is not there fails";
  why = judge_inventory (t, 0);
  if (why == NULL && vl_driver_spawn (t->app, t->driver, &t->spawn) < 0)
    why = "a guest that is not to be started cannot be made";
  if (why == NULL)
    why = judge_inventory (t, 1);
  if (why == NULL)
    why = judge_power (t);
  if (forget (t) < 0 && why == NULL)
    why = "such a guest does not go again";
  return why ? why : judge_inventory (t, 0);
}

/* ---- what is done by an agent, and what is heard ---- */

static const char *
try_agent (struct trying *t)
{
  const char *uuid = t->spawn.uuid, *why = NULL;

#define GUEST(...) VL_CALL (t->app, t->driver, guest, __VA_ARGS__)
  if (vl_driver_spawn (t->app, t->driver, &t->spawn) < 0)
    why = "a guest that is not to be started cannot be made";
  else if (VL_CALL_FN (t->driver, guest, quiesce) && ! FAILS (t, GUEST (quiesce, uuid)))
    why = "quiesce answers 0 of a guest that is off and has no agent";
  else if (VL_CALL_FN (t->driver, guest, set_admin_password)
           && ! FAILS (t, GUEST (set_admin_password, uuid, "root", "of a trial")))
    why = "set_admin_password answers 0 of a guest that is off and has no agent";
#undef GUEST
  return forget (t) < 0 && why == NULL ? "such a guest does not go again" : why;
}

#define HEARD 7

/* Once the driver hears, that is enough. */
static int
end_listening (void *opaque, const struct vl_guest_event *event)
{
  int *heard = opaque;

  *heard |= event == NULL;
  return *heard ? HEARD : 0;
}

static const char *
try_events (struct trying *t)
{
  size_t first = t->app->call->findings.n;
  int heard = 0, answer = VL_CALL (t->app, t->driver, events, listen, end_listening, &heard);

  /* It may say that there is nothing to listen to. */
  if (answer < 0 && ! heard) {
    vl_findings_drop (t->app->call, first, t->app->call->findings.n);
    return NULL;
  }
  return ! heard           ? "listen does not say that it hears (FN with NULL)"
         : answer != HEARD ? "listen does not end with what FN answers"
                           : NULL;
}

/* ---- secrets ---- */

static const char *
try_secrets (struct trying *t)
{
  static const char uuid[] = "5e9c8a3e-6d0b-4f6e-9f35-7b1a7c2d4e60", bytes[] = "of a trial";
  struct vl_secret secret = { .size = sizeof secret,
                              .length = sizeof bytes,
                              .uuid = uuid,
                              .type = "tls",
                              .usage = "virtloom-trial",
                              .bytes = bytes };
  struct vl_call *call = t->app->call;
  const char *why = NULL;
  size_t first;
  int other;

#define ASK(call_, ...) VL_CALL (t->app, t->driver, secrets, call_, __VA_ARGS__)
  if (ASK (drop, uuid) < 0)
    why = "drop fails of a secret that is not there";
  else if (ASK (has, uuid) != 0)
    why = "has does not answer 0 of a secret that is not there";
  else if (ASK (put, &secret) != 0)
    why = "put does not answer 0 of a new one";
  else if (ASK (has, uuid) != 1)
    why = "has does not answer 1 of one that was put";
  else if (ASK (put, &secret) != 1)
    why = "put does not answer 1 of one that is there";
  first = call->findings.n;
  secret.usage = "virtloom-trial-of-another";
  other = why ? -1 : ASK (put, &secret);
  if (why == NULL && other >= 0)
    why = "put does not refuse one that is kept for another use";
  else if (why == NULL)
    vl_findings_drop (call, first, call->findings.n);
  if (ASK (drop, uuid) < 0 || ASK (has, uuid) != 0)
    why = why ? why : "drop does not forget it";
#undef ASK
  return why;
}

/* ---- each claim ---- */

static int
says_reads_back (struct trying *t)
{
  return t->driver->driver.reads_back != 0;
}

static int
says_validates (struct trying *t)
{
  return t->driver->driver.validates != 0;
}

static int
has_secrets (struct trying *t)
{
  return VL_CALL_FN (t->driver, secrets, put) && VL_CALL_FN (t->driver, secrets, has)
         && VL_CALL_FN (t->driver, secrets, drop)
         && VL_STREQ (vl_driver_secrets (t->app->call, t->driver), "true");
}

static int
has_agent (struct trying *t)
{
  return VL_CALL_FN (t->driver, guest, quiesce)
         || VL_CALL_FN (t->driver, guest, set_admin_password);
}

static int
has_events (struct trying *t)
{
  return VL_CALL_FN (t->driver, events, listen) != NULL;
}

static const char *
try_loss (struct trying *t)
{
  return try_planted (t, VL_PLANT_LOSS);
}

static const char *
try_invalid (struct trying *t)
{
  return try_planted (t, VL_PLANT_INVALID);
}

static const struct {
  int (*is_claimed) (struct trying *); /* NULL: by every driver */
  const char *(*run) (struct trying *);
} claims[] = {
  [VL_CLAIM_GUESTS] = { NULL, try_inventory },
  [VL_CLAIM_READS_BACK] = { says_reads_back, try_whole },
  [VL_CLAIM_SEES_LOSS] = { says_reads_back, try_loss },
  [VL_CLAIM_VALIDATES] = { says_validates, try_invalid },
  [VL_CLAIM_SECRETS] = { has_secrets, try_secrets },
  [VL_CLAIM_AGENT] = { has_agent, try_agent },
  [VL_CLAIM_EVENTS] = { has_events, try_events },
};

int
vl_plan_try_driver (struct vl_app *app, struct vl_plan *plan, enum vl_driver_claim claim,
                    const char **why)
{
  struct trying t = { .app = app, .driver = vl_app_driver_plugin (app), .plan = plan };
  const char *folder;

  *why = NULL;
  if (t.driver == NULL || plan == NULL || ! plan->ok || claim < VL_CLAIM_READS_BACK
      || (size_t)claim >= sizeof claims / sizeof claims[0])
    return vl_refuse (app->call, VL_ERR_FAILED, NULL, NULL,
                      "there is nothing to try a driver with; accepted: a plan that was made");
  if (claims[claim].is_claimed && ! claims[claim].is_claimed (&t))
    return 1;
  vl_domain_name (plan->request->uuid, t.domain);
  t.spawn = (struct vl_spawn) {
    .size = sizeof t.spawn, .uuid = plan->request->uuid, .domain = t.domain, .doc = plan->build.doc
  };
  folder = vl_server_dir (app, t.spawn.uuid);
  if (folder == NULL || vl_file_mkdirs (folder, 0711) < 0
      || (t.spawn.run_dir = vl_server_run_dir (app, t.spawn.uuid)) == NULL)
    return vl_file_failed (app->call, "cannot make", folder, errno);
  app->call->host = plan->build.host;
  *why = claims[claim].run (&t);
  app->call->host = NULL;
  (void)vl_file_remove_tree (folder);
  return *why ? -1 : 0;
}
