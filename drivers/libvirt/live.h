/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guests that go to another host while they run: settings and calls of the libvirt drivers. */

#ifndef VL_DRIVERS_VIRT_LIVE_H
#define VL_DRIVERS_VIRT_LIVE_H

#include "virt.h"

#define VIRT_LIVE_TEXT(prop_, name_, text_)                                                        \
  {                                                                                                \
    .name = "live-migration-" prop_, .type = VL_STRING, .flags = VL_EMPTY_UNSET,                   \
    .setting = "live_migration_" name_, .nova = "libvirt.live_migration_" name_, .help = text_,    \
    .since = "0.1"                                                                                 \
  }
#define VIRT_LIVE_BOOL(prop_, name_, text_)                                                        \
  {                                                                                                \
    .name = "live-migration-" prop_, .type = VL_BOOL, .deflt = "no",                               \
    .setting = "live_migration_" name_, .nova = "libvirt.live_migration_" name_, .help = text_,    \
    .since = "0.1"                                                                                 \
  }
#define VIRT_LIVE_INT(prop_, name_, deflt_, min_, max_, unit_, text_)                              \
  {                                                                                                \
    .name = "live-migration-" prop_, .type = VL_INT, .deflt = deflt_, .min = min_, .max = max_,    \
    .unit = unit_, .setting = "live_migration_" name_, .nova = "libvirt.live_migration_" name_,    \
    .help = text_, .since = "0.1"                                                                  \
  }

/* Fifteen rows: all of nova.conf's [libvirt] live_migration_*. */
#define VIRT_PROPS_LIVE_MIGRATION                                                                  \
  VIRT_LIVE_TEXT ("scheme", "scheme", "how the other host's libvirt is reached: tcp, tls, ssh"),   \
      VIRT_LIVE_TEXT ("inbound-addr", "inbound_addr",                                              \
                      "the address at which this host takes guests"),                              \
      VIRT_LIVE_TEXT ("uri", "uri", "where the libvirt of host %s is reached"),                    \
      VIRT_LIVE_BOOL ("tunnelled", "tunnelled", "guests go through the connection of libvirt"),    \
      VIRT_LIVE_BOOL ("with-native-tls", "with_native_tls",                                        \
                      "guests go through TLS of QEMU's own"),                                      \
      VIRT_LIVE_INT ("bandwidth", "bandwidth", "0", 0, 1000000, "MiB/s", "the most; 0: no bound"), \
      VIRT_LIVE_INT ("downtime", "downtime", "500", 100, 2000000, "ms",                            \
                     "how long a guest may stand still at the end of its way"),                    \
      VIRT_LIVE_INT ("downtime-steps", "downtime_steps", "10", 3, 1000, NULL,                      \
                     "in how many steps that is reached"),                                         \
      VIRT_LIVE_INT ("downtime-delay", "downtime_delay", "75", 3, 86400, "s",                      \
                     "from one step to the next, for each GiB"),                                   \
      VIRT_LIVE_INT ("completion-timeout", "completion_timeout", "800", 0, 86400, "s",             \
                     "how long it may take, for each GiB; 0: without end"),                        \
      { .name = "live-migration-timeout-action",                                                   \
        .type = VL_CHOICE,                                                                         \
        .deflt = "abort",                                                                          \
        .choices = virt_timeout_actions,                                                           \
        .setting = "live_migration_timeout_action",                                                \
        .nova = "libvirt.live_migration_timeout_action",                                           \
        .help = "what is done then",                                                               \
        .since = "0.1" },                                                                          \
      VIRT_LIVE_BOOL ("permit-post-copy", "permit_post_copy",                                      \
                      "a guest may run at the other host before all of its memory is there"),      \
      VIRT_LIVE_BOOL ("permit-auto-converge", "permit_auto_converge",                              \
                      "a guest that changes its memory too fast is slowed down"),                  \
      VIRT_LIVE_INT ("parallel-connections", "parallel_connections", "1", 1, 255, NULL,            \
                     "by how many connections a guest goes"),                                      \
      VIRT_LIVE_INT ("monitor-interval", "monitor_interval", "5", 1, 86400, "s",                   \
                     "how often is told how far it is")

static const char *const virt_timeout_actions[] = { "abort", "force_complete", NULL };

#endif
