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

static const struct vl_write writes[] = { { "clock", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_VIRT_TYPE },
                                        { "os-type.type" } };

static int
is_x86 (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_ARCH, "x86_64") || vl_guest_is (guest, VL_GUEST_ARCH, "i686");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (! vl_guest_bool (guest, "hpet"))
    return 0;
  if (! is_x86 (guest))
    vl_warning (call, NULL, "hpet", "'%s' guests have no HPET; only x86 ones do",
                vl_guest_str (guest, VL_GUEST_ARCH));
  else if (! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm"))
    vl_warning (call, NULL, "hpet", "timers are only set up for 'kvm' guests, this one is '%s'",
                vl_guest_str (guest, VL_GUEST_VIRT_TYPE));
  return 0;
}

static void
add_timer (struct vl_call *call, struct vl_node *clock, const char *name, const char *attr,
           const char *value, const char *why)
{
  struct vl_node *timer =
      vl_ensure_keyed (call, clock, "timer", vl_printf (call, "name=%s", name), 0, why);

  vl_set (call, timer, attr, value, why);
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int windows = vl_guest_is (guest, "os-type.type", "windows");
  struct vl_node *clock = vl_ensure (call, NULL, "clock", 0, "os-type.type");

  (void)host;
  vl_set (call, clock, "offset", windows ? "localtime" : "utc", "os-type.type");
  if (! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm"))
    return 0;
  add_timer (call, clock, "pit", "tickpolicy", "delay", VL_GUEST_VIRT_TYPE);
  add_timer (call, clock, "rtc", "tickpolicy", "catchup", VL_GUEST_VIRT_TYPE);
  if (! is_x86 (guest))
    return 0;
  add_timer (call, clock, "hpet", "present", vl_guest_bool (guest, "hpet") ? "yes" : "no", "hpet");
  if (windows)
    add_timer (call, clock, "hypervclock", "present", "yes", "os-type.type");
  return 0;
}

VL_FEATURE (clock, "clock", .version = VL_VERSION,
            .summary = "clock offset, and timers that survive lost ticks",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .validate = validate, .contribute = contribute);
