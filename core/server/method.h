/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calling a driver: connects where needed, checks that the driver has the method
 * (a group may be absent, or shorter than ours), and says whose code runs. */

#ifndef VL_CORE_METHOD_H
#define VL_CORE_METHOD_H

#include "server/session.h"

/* Records that DRIVER has no CALL (exit 4); answers -1. */
int vl_call_missing (struct vl_call *call, const struct vl_plugin *driver, const char *method);

/* The function, or NULL. */
#define VL_CALL_FN(driver_, group, member)                                                         \
  ((driver_)->driver.group != NULL                                                                 \
           && (driver_)->driver.group->size >= offsetof (struct vl_##group##_calls, member)        \
                                                   + sizeof ((driver_)->driver.group->member)      \
       ? (driver_)->driver.group->member                                                           \
       : NULL)

/* 0 where DRIVER has the method, or -1 after a finding: asked before what needs it is begun. */
#define VL_HAS_CALL(call_, driver_, group, member)                                                 \
  (VL_CALL_FN ((driver_), group, member) ? 0 : vl_call_missing ((call_), (driver_), #member))

/* What EXPRESSION answers, a call of PLUGIN's code which is there to do DOING. */
#define VL_AS(call_, plugin_, doing_, expression)                                                  \
  __extension__({                                                                                  \
    struct vl_plugin *as_before_ = (call_)->plugin;                                                \
    __typeof__ (expression) as_result_;                                                            \
    vl_call_as ((call_), (plugin_));                                                               \
    (call_)->doing = (doing_);                                                                     \
    as_result_ = (expression);                                                                     \
    vl_call_as ((call_), as_before_);                                                              \
    as_result_;                                                                                    \
  })

/* VL_CALL (app, driver, power, pause, uuid): what the method answers, or -1 after
 * a finding. */
#define VL_CALL(app_, driver_, group, member, ...)                                                 \
  __extension__({                                                                                  \
    struct vl_plugin *call_driver_ = (driver_);                                                    \
    __typeof__ (call_driver_->driver.group->member) call_fn_ =                                     \
        VL_CALL_FN (call_driver_, group, member);                                                  \
    struct vl_conn *call_conn_ = call_fn_ ? vl_app_conn ((app_), call_driver_) : NULL;             \
    size_t call_errors_ = (app_)->call->findings.n_errors;                                         \
    int call_result_ = -1;                                                                         \
    if (call_fn_ == NULL)                                                                          \
      vl_call_missing ((app_)->call, call_driver_, #member);                                       \
    else if (call_conn_)                                                                           \
      call_result_ = VL_AS (                                                                       \
          (app_)->call, call_driver_, #member,                                                     \
          vl_said ((app_)->call, call_fn_ ((app_)->call, call_conn_, __VA_ARGS__), call_errors_)); \
    call_result_;                                                                                  \
  })

/* After METHOD of DRIVER, which has made or changed a guest, and before which call->seen_back was
 * set to 0: has a driver that says `reads_back` found the whole document in the domain, where LIVE
 * is set in the running one?  0, or -1 after a PluginFault. */
int vl_driver_looked (struct vl_app *app, struct vl_plugin *driver, const char *method, int live);
/* The `spawn` of DRIVER which, where it says `reads_back`, must have done so.  0, or -1 after a
 * finding: the guest may be there nevertheless. */
int vl_driver_spawn (struct vl_app *app, struct vl_plugin *driver, const struct vl_spawn *spawn);

#endif
