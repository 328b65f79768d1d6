/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A file that the user names, and that must not be there: it has no name before it is whole. */

#ifndef VL_SERVER_NEW_FILE_H
#define VL_SERVER_NEW_FILE_H

#include "server/record.h"

struct vl_new_file {
  const char *path; /* that it gets */
  char *name;       /* that it has where there are no files without one, or NULL */
  int fd;           /* to be written */
};

/* May a file that something else writes, NOUN ("dump"), come to be at PATH, an absolute one, from
 * BESIDE in the same folder: that is nobody else's to write to, both names fit, and it takes no file's
 * place?  0, or -1 after a finding: Invalid, InvalidName, FileExists, or FileNotTrusted, a sentence that
 * begins with OTHERWISE and goes on with the folder. */
int vl_new_file_judge (struct vl_call *call, const char *path, const char *beside, const char *noun,
                       const char *otherwise);
/* Begins one at PATH, which must outlive it.  0, or -1 after a finding, FileExists where
 * something is there. */
int vl_new_file_begin (struct vl_call *call, struct vl_new_file *file, const char *path,
                       mode_t mode);
/* It gets its name, if nothing has that by now.  0, or -1 after a finding. */
int vl_new_file_keep (struct vl_call *call, struct vl_new_file *file);
/* Closes it; what was not kept is gone.  For VL_AUTONEWFILE: all 0 but FD -1 at first. */
void vl_new_file_end (struct vl_new_file *file);
#define VL_AUTONEWFILE __attribute__ ((cleanup (vl_new_file_end)))

#endif
