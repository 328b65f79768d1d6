/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One wish for each feature, and requests made of several of them: what the
 * tests of load order and of pairs ask for. */

#ifndef VL_TESTS_WISHES_H
#define VL_TESTS_WISHES_H

#include <stdio.h>
#include <stdlib.h>

/* One wish each: a flavor key or an image key. */
static const struct wish {
  int image;
  const char *key, *value;
} wishes[] = {
  { 0, "hw:watchdog_action", "reset" },
  { 0, "hw_rng:rate_bytes", "1024" },
  { 0, "hw:pmu", "false" },
  { 0, "hw:hide_hypervisor_id", "true" },
  { 0, "hw:mem_page_size", "2048" },
  { 0, "hw:numa_nodes", "2" },
  { 0, "hw:cpu_threads", "2" },
  { 0, "hw:boot_menu", "yes" },
  { 0, "hw:mem_encryption", "true" },
  { 0, "hw:nested_virt", "optional" },
  { 0, "hw:vif_multiqueue_enabled", "yes" },
  { 0, "quota:disk_read_bytes_sec", "1000000" },
  { 0, "quota:vif_inbound_average", "1000" },
  { 0, "trait:HW_CPU_X86_AVX", "required" },
  { 1, "hw_qemu_guest_agent", "yes" },
  { 1, "hw_machine_type", "q35" },
  { 1, "hw_firmware_type", "uefi" },
  { 1, "hw_firmware_stateless", "true" },
  { 1, "hw_scsi_model", "virtio-scsi" },
  { 1, "hw_disk_bus", "scsi" },
  { 1, "hw_cdrom_bus", "sata" },
  { 1, "hw_vif_model", "e1000" },
  { 1, "hw_video_model", "qxl" },
  { 1, "hw_input_bus", "virtio" },
  { 1, "hw_usb_model", "qemu-xhci" },
  { 1, "hw_sound_model", "ich9" },
  { 1, "os_type", "windows" },
  { 1, "hw_time_hpet", "true" },
  { 1, "os_secure_boot", "required" },
};
#define N_WISHES (sizeof wishes / sizeof wishes[0])

static inline void
wishes_join (char **text, const struct wish *const *list, size_t n, int image)
{
  char *longer;

  *text = calloc (1, 1);
  for (size_t i = 0; i < n; i++) {
    if (list[i]->image != image)
      continue;
    if (asprintf (&longer, "%s%s\"%s\": \"%s\"", *text, **text ? ", " : "", list[i]->key,
                  list[i]->value)
        < 0)
      abort ();
    free (*text);
    *text = longer;
  }
}

/* The request that wishes for all of LIST; CONFIG_DRIVE and NETWORKS are JSON.
 * The caller frees. */
static inline char *
wishes_request (const struct wish *const *list, size_t n, const char *config_drive,
                const char *networks)
{
  char *flavor, *image, *request;

  wishes_join (&flavor, list, n, 0);
  wishes_join (&image, list, n, 1);
  if (asprintf (&request,
                "{\"name\": \"s\", \"config_drive\": %s, \"networks\": %s,"
                " \"flavor\": {\"name\": \"f\", \"vcpus\": 4, \"ram\": 1024, \"disk\": 1, "
                "\"ephemeral\": 1, \"swap\": 64, \"extra_specs\": {%s}},"
                " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\", \"properties\": {%s}}}",
                config_drive, networks, flavor, image)
      < 0)
    abort ();
  free (flavor);
  free (image);
  return request;
}

#endif
