/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Downloading by HTTP. */

#ifndef VL_CORE_DOWNLOAD_H
#define VL_CORE_DOWNLOAD_H

#include "storage/storage.h"

struct vl_download {
  const char *url;
  const char *path;    /* the file; what is there of it from an earlier try is gone on with */
  const char *proxy;   /* or NULL: none */
  const char *ca_file; /* or NULL: the system's */
  int proven;          /* a digest will tell whether the parts are of one file */
};

/* Is URL one of http or https?  0, or -1 after a finding. */
int vl_url_check (struct vl_call *call, const char *url);
/* URL without what may be a secret. */
const char *vl_url_shown (struct vl_call *call, const char *url);
/* Is there something in URL that may be one? */
int vl_url_is_secret (const char *url);
/* Downloads it, up to max_image_size bytes.  0, or -1 after a finding; then *GOES_ON says
 * whether what is there is worth keeping for the next try. */
int vl_download (struct vl_call *call, const struct vl_download *download, int *goes_on);

#endif
