/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Buses and interface models that every QEMU has, for guests where no feature fills
 * the slots. */

#ifndef OFFERS_H
#define OFFERS_H

#include <virtloom/driver.h>

#define OFFER(what, which, begins, n)                                                              \
  {                                                                                                \
    .slot = what, .name = which, .prefix = begins, .most = n, .virt = "kvm qemu"                   \
  }

static const struct vl_offer driver_offers[] = {
  OFFER (VL_DISK_BUS, "virtio", "vd", 0),  OFFER (VL_DISK_BUS, "scsi", "sd", 0),
  OFFER (VL_DISK_BUS, "ide", "hd", 4),     OFFER (VL_DISK_BUS, "usb", "sd", 0),
  OFFER (VL_DISK_BUS, "fdc", "fd", 2),     OFFER (VL_DISK_BUS, "sata", "sd", 0),
  OFFER (VL_CDROM_BUS, "scsi", "sd", 0),   OFFER (VL_CDROM_BUS, "ide", "hd", 4),
  OFFER (VL_CDROM_BUS, "usb", "sd", 0),    OFFER (VL_CDROM_BUS, "sata", "sd", 0),
  OFFER (VL_NIC_MODEL, "virtio", NULL, 0), OFFER (VL_NIC_MODEL, "e1000", NULL, 0),
};

#endif
