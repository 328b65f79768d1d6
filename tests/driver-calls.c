/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * driver-calls CONFIG STATE DRIVER CALL...: calls of a driver that no command has yet,
 * for tests.
 *
 *   secret-put UUID TYPE USAGE   its bytes are read from stdin; prints the answer
 *   secret-has UUID
 *   secret-drop UUID
 *   process    what the driver asks of the process of an application that runs libvirt's
 *              event loop: how it has to end, and its environment
 *   exit       opens the driver as an application does that sees to none of that: prints
 *              whether the environment and the umask are as they were; its own handler of
 *              exit () has the last word
 *
 *   own-loop   opens the driver as an application does that runs libvirt's event loop and
 *              handles its errors itself: prints whether both are still its own
 *
 * Findings go to stderr, each with its hint on a second line; the exit code is theirs. */

#include <config.h>

#include "server/method.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* Modules find the core in this program, so all of it has to be linked. */
static void *const whole_core[]
    __attribute__ ((used)) = { (void *)vl_server_create, (void *)vl_ensure, (void *)vl_claim };

static int end_quickly;
static const char *environment = "";

static void
apply (void *opaque, const struct vl_process *process)
{
  (void)opaque;
  end_quickly |= process->quick_exit != 0;
  if (process->environment)
    environment = process->environment;
}

static void
last_word (void)
{
  printf ("handler\n");
  fflush (stdout);
}

static int
unchanged (struct vl_app *app, struct vl_plugin *driver)
{
  mode_t mask = umask (0123), after;
  size_t before = 0, now = 0;
  int opened;

  for (char **entry = environ; *entry; entry++)
    before++;
  opened = vl_app_conn (app, driver) != NULL;
  for (char **entry = environ; *entry; entry++)
    now++;
  after = umask (mask);
  atexit (last_word);
  printf ("%s, umask %03o, %s\n", opened ? "opened" : "not opened", (unsigned)after,
          before == now ? "same environment" : "other environment");
  return opened ? 0 : -1;
}

static int
put (struct vl_app *app, char **words)
{
  unsigned char bytes[256];
  ssize_t n = read (STDIN_FILENO, bytes, sizeof bytes);
  struct vl_secret secret = { .size = sizeof secret,
                              .length = n > 0 ? (uint32_t)n : 0,
                              .uuid = words[0],
                              .type = words[1],
                              .usage = words[2],
                              .description = "a <test> & nothing else",
                              .bytes = bytes };
  int answer = VL_CALL (app, vl_app_driver_plugin (app), secrets, put, &secret);

  explicit_bzero (bytes, sizeof bytes);
  return answer;
}

static atomic_int errors, turns, stop;

static void
count_error (void *opaque, virErrorPtr error)
{
  (void)opaque;
  (void)error;
  errors++;
}

static void
count_turn (int timer, void *opaque)
{
  (void)timer;
  (void)opaque;
  turns++;
}

static void *
run_loop (void *opaque)
{
  (void)opaque;
  while (! stop)
    virEventRunDefaultImpl ();
  return NULL;
}

static int
has_begun (void *opaque, const struct vl_guest_event *event)
{
  (void)opaque;
  return event == NULL;
}

/* A loop that two threads ran would be nobody's: the driver must not start one. */
static int
own_loop (struct vl_app *app, struct vl_plugin *driver)
{
  pthread_t thread;
  virConnectPtr own;
  int timer, opened;

  virInitialize ();
  virEventRegisterDefaultImpl ();
  virSetErrorFunc (NULL, count_error);
  timer = virEventAddTimeout (10, count_turn, NULL, NULL);
  opened = vl_app_conn (app, driver) != NULL;
  usleep (200000);
  printf ("%s, %s before the application runs it\n", opened ? "opened" : "not opened",
          turns ? "the loop runs" : "the loop stands");
  pthread_create (&thread, NULL, run_loop, NULL);
  errors = 0;
  own = virConnectOpen ("nonsense:///");
  printf ("%s\n", own == NULL && errors > 0 ? "its errors are told" : "its errors are lost");
  printf ("%s\n", VL_CALL (app, driver, events, listen, has_begun, NULL) == 1
                      ? "it listens"
                      : "it does not listen");
  vl_app_free (app);
  stop = 1;
  pthread_join (thread, NULL);
  virEventRemoveTimeout (timer);
  exit (opened ? 0 : 1);
}

static int
run (struct vl_app *app, int n, char **words)
{
  struct vl_plugin *driver = vl_app_load (app) < 0 ? NULL : vl_app_driver_plugin (app);

  if (driver == NULL)
    return -1;
  if (n == 4 && strcmp (words[0], "secret-put") == 0)
    return put (app, words + 1);
  if (n == 2 && strcmp (words[0], "secret-has") == 0)
    return VL_CALL (app, driver, secrets, has, words[1]);
  if (n == 2 && strcmp (words[0], "secret-drop") == 0)
    return VL_CALL (app, driver, secrets, drop, words[1]);
  if (n == 1 && strcmp (words[0], "exit") == 0)
    return unchanged (app, driver);
  if (n == 1 && strcmp (words[0], "own-loop") == 0)
    return own_loop (app, driver);
  if (n == 1 && strcmp (words[0], "process") == 0) {
    virInitialize ();
    virEventRegisterDefaultImpl ();
    if (vl_app_conn (app, driver) == NULL)
      return -1;
    printf ("%s\n", environment);
    return end_quickly;
  }
  return vl_refuse (vl_app_call (app), VL_ERR_USAGE, NULL, NULL, "there is no such call");
}

int
main (int argc, char **argv)
{
  struct vl_app_options options = { .tree_dir = VL_TEST_BUILDDIR "/..", .quiet = 1 };
  struct vl_app *app;
  int answer, code;

  if (argc < 5)
    return VL_ERR_USAGE;
  options.config_dir = argv[1];
  options.state_dir = argv[2];
  options.driver = argv[3];
  options.own_event_loop = strcmp (argv[4], "own-loop") == 0 || strcmp (argv[4], "process") == 0;
  app = vl_app_new (&options);
  if (strcmp (argv[4], "exit") != 0)
    vl_app_on_process (app, apply, NULL);
  answer = run (app, argc - 4, argv + 4);
  if (answer >= 0)
    printf ("%d\n", answer);
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);

    fprintf (stderr, "%s %s: %s\n", finding->code ? finding->code : "-", finding->plugin,
             finding->message);
    if (finding->hint)
      fprintf (stderr, "  %s\n", finding->hint);
  }
  code = answer < 0 ? vl_findings_exit_code (app) : 0;
  vl_app_free (app);
  fflush (NULL);
  if (end_quickly)
    _exit (code);
  return code;
}
