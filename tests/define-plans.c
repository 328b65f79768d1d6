/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * define-plans ROOT FOLDER: has libvirt's embedded driver, in ROOT, define the domain in
 * each FILE.xml of FOLDER and make QEMU's command line of it, and forgets it again.  For
 * each that is refused a line: the file's name without ".xml", a tab, libvirt's words.
 * What plan accepted must be defined by the libvirt that the plan was made for. */

#include <config.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define MOST_BYTES ((size_t)1 << 20)

static void
silence (void *opaque, virErrorPtr error)
{
  (void)opaque;
  (void)error;
}

/* libvirt waits for QEMU's answers by its event loop. */
static void *
run_loop (void *opaque)
{
  (void)opaque;
  while (virEventRunDefaultImpl () == 0)
    ;
  return NULL;
}

static char *
read_file (const char *path)
{
  char *text = calloc (1, MOST_BYTES);
  FILE *file = fopen (path, "re");

  if (text == NULL || file == NULL || fread (text, 1, MOST_BYTES - 1, file) == 0) {
    fprintf (stderr, "cannot read %s\n", path);
    exit (2);
  }
  fclose (file);
  return text;
}

/* 0, or -1 after a line that says why not. */
static int
try_one (virConnectPtr conn, const char *name, const char *xml)
{
  virDomainPtr domain = virDomainDefineXMLFlags (conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
  char *command;

  if (domain == NULL) {
    printf ("%s\t%s\n", name, virGetLastErrorMessage ());
    return -1;
  }
  command = virConnectDomainXMLToNative (conn, "qemu-argv", xml, 0);
  if (command == NULL)
    printf ("%s\tno command line: %s\n", name, virGetLastErrorMessage ());
  virDomainUndefineFlags (domain, VIR_DOMAIN_UNDEFINE_NVRAM);
  virDomainFree (domain);
  free (command);
  return command ? 0 : -1;
}

static int
is_xml (const struct dirent *entry)
{
  size_t n = strlen (entry->d_name);

  return n > 4 && strcmp (entry->d_name + n - 4, ".xml") == 0;
}

int
main (int argc, char **argv)
{
  struct dirent **names;
  pthread_t loop;
  virConnectPtr conn;
  char *path, *uri;
  int n, failed = 0;

  if (argc != 3 || asprintf (&uri, "qemu:///embed?root=%s", argv[1]) < 0)
    return 2;
  virSetErrorFunc (NULL, silence);
  virEventRegisterDefaultImpl ();
  pthread_create (&loop, NULL, run_loop, NULL);
  conn = virConnectOpen (uri);
  if (conn == NULL) {
    fprintf (stderr, "%s\n", virGetLastErrorMessage ());
    return 2;
  }
  n = scandir (argv[2], &names, is_xml, alphasort);
  for (int i = 0; i < n; i++) {
    char *xml;

    if (asprintf (&path, "%s/%s", argv[2], names[i]->d_name) < 0)
      return 2;
    xml = read_file (path);
    names[i]->d_name[strlen (names[i]->d_name) - 4] = '\0';
    failed += try_one (conn, names[i]->d_name, xml) < 0;
    free (xml);
    free (path);
  }
  fflush (stdout);
  fprintf (stderr, "%d\n", n);
  /* libvirt's threads are not waited for. */
  _exit (failed > 0);
}
