/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Interfaces of this host: what the plugins share that connect guests to them. */

#ifndef VL_NETWORKS_LOCAL_H
#define VL_NETWORKS_LOCAL_H

#include <virtloom/network.h>

/* Detail NAME of NIC's network, which is the name of an interface of this host, in *VALUE; NULL
 * where it is not given.  0, or -1 after a refusal. */
int local_interface (struct vl_call *c, const struct vl_nic *nic, const char *name,
                     const char **value);
/* Has this host interface NAME, and of it the file WHAT ("bridge"; NULL: any)?  Asked whenever a
 * guest is planned: interfaces come and go while facts are kept. */
int local_has (struct vl_call *c, const char *name, const char *what);
/* The filter of libvirt's that NIC's network names in detail `filter`, if it names one. */
void local_filter (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node);
/* Each interface of type TYPE that has a source, and of which TAKES (NULL: any) is true, holds that
 * source in POOL: nobody else gets it.  0, or -1 after a refusal. */
int local_claim (struct vl_call *c, const char *type, const char *pool,
                 int (*takes) (struct vl_call *c, const struct vl_nic *nic));

#endif
