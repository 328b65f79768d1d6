/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * clock: UTC, or local time for Windows; under KVM the timers that keep time
 * when ticks are lost.  Owns <clock>. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "hpet",
    .type = VL_BOOL,
    .deflt = "false",
    .image_key = "hw_time_hpet",
    .invalid_code = "InvalidRequest",
    .help = "the guest has an HPET timer (x86 under KVM)",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "clock" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "os-type.type", .flags = VL_OPTIONAL } };

static int
is_x86 (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686");
}

static int
validate (struct vl_call *c)
{
  if (! vl_bool (c, "hpet"))
    return 0;
  if (! is_x86 (c))
    vl_warn (c, "hpet", NULL, "'%s' guests have no HPET; only x86 ones do",
             vl_str (c, VL_GUEST_ARCH));
  else if (! vl_is (c, VL_GUEST_VIRT_TYPE, "kvm"))
    vl_warn (c, "hpet", NULL, "timers are only set up for 'kvm' guests, this one is '%s'",
             vl_str (c, VL_GUEST_VIRT_TYPE));
  return 0;
}

static void
add_timer (struct vl_call *c, const char *name, const char *attr, const char *value,
           const char *why)
{
  vl_set (vl_keyed (c, "clock/timer", why, "name", name, NULL), attr, value);
}

static int
contribute (struct vl_call *c)
{
  int windows = vl_is (c, "os-type.type", "windows");

  vl_set (vl_ensure (c, "clock", "os-type.type"), "offset", windows ? "localtime" : "utc");
  if (! vl_is (c, VL_GUEST_VIRT_TYPE, "kvm"))
    return 0;
  add_timer (c, "pit", "tickpolicy", "delay", VL_GUEST_VIRT_TYPE);
  add_timer (c, "rtc", "tickpolicy", "catchup", VL_GUEST_VIRT_TYPE);
  if (! is_x86 (c))
    return 0;
  add_timer (c, "hpet", "present", vl_bool (c, "hpet") ? "yes" : "no", "hpet");
  if (windows)
    add_timer (c, "hypervclock", "present", "yes", "os-type.type");
  return 0;
}

VL_FEATURE (clock, "clock", .version = VL_VERSION,
            .summary = "clock offset, and timers that survive lost ticks",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .validate = validate, .contribute = contribute);
