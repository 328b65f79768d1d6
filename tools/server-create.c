/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server create: what the command line and a request file ask for, and what a
 * guest is told of it by its config drive. */

#include <config.h>

#include "server.h"

#include <stdlib.h>
#include <string.h>

/* One more than the library takes, so that it is the one that refuses. */
#define REQUEST_LIMIT (((size_t)1 << 20) + 1)
/* As much as a guest is given in one file. */
#define FILE_LIMIT ((size_t)1 << 20)
#define KEY_LIMIT ((size_t)16384)
#define PASSWORD_BYTES 255

static int
wait_for (struct tool *tool, const char *uuid, uint32_t seconds)
{
  struct vl_wait wait = { .ms = seconds * 1000 };

  for (;;) {
    const struct vl_server_info *server = vl_server_find (tool->app, uuid);

    if (server == NULL)
      return -1;
    if (strcmp (server->status, "ACTIVE") == 0)
      return 0;
    if (strcmp (server->status, "BUILD") != 0)
      return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "server '%s' is %s%s%s",
                        server->name, server->status, server->fault ? ": " : "",
                        server->fault ? server->fault : "");
    if (server_wait_on (tool, server->name, server->status, &wait) < 0)
      return -1;
  }
}

/* ---- SSH keys ---- */

/* The only line of TEXT that is neither empty nor a comment, cut off in place; NULL where there
 * is none, or are several. */
static char *
only_line (char *text)
{
  char *state = NULL, *found = NULL;

  for (char *line = strtok_r (text, "\r\n", &state); line; line = strtok_r (NULL, "\r\n", &state)) {
    line += strspn (line, " \t");
    if (*line == '\0' || *line == '#')
      continue;
    if (found)
      return NULL;
    found = line;
  }
  return found;
}

/* Is LINE "TYPE BASE64 [COMMENT]", as OpenSSH writes it?  Options of authorized_keys before the
 * type are for a host's own file, and no part of a key. */
static int
is_public_key (const char *line)
{
  static const char *const types[] = {
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "ssh-dss",
    "sk-ecdsa-sha2-nistp256@openssh.com",
  };
  size_t type = strcspn (line, " "), blob;

  blob = strspn (line + type + (line[type] == ' '),
                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strlen (types[i]) == type && strncmp (types[i], line, type) == 0)
      return line[type] == ' ' && blob >= 32
             && (line[type + 1 + blob] == '\0' || line[type + 1 + blob] == ' ');
  return 0;
}

/* The public key in FILE, in memory of the call; NULL after a finding. */
static const char *
read_key (struct tool *tool, const char *file)
{
  size_t length;
  char *text = tool_read (tool, file, KEY_LIMIT, &length), *line;
  VL_AUTOFREE char *half = vl_xasprintf ("%s.pub", file), *word = vl_shell_quote (half);
  const char *key = NULL;

  if (text == NULL)
    return NULL;
  /* Whose secret half it is has no business with a guest. */
  if (strstr (text, "PRIVATE KEY"))
    (void)vl_refuse (tool->call, VL_ERR_REQUEST, NULL,
                     vl_printf (tool->call, "give its public half: --ssh-key %s", word),
                     "--ssh-key '%s' is a private key", file);
  else if (strlen (text) == length && (line = only_line (text)) && is_public_key (line)
           && vl_text_problem (line, strlen (line)) == NULL)
    key = vl_printf (tool->call, "%s", line);
  else
    (void)vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL,
                     "--ssh-key '%s' is no public key; accepted: a file with one line as "
                     "ssh-keygen writes it, 'ssh-ed25519 AAAA... comment'",
                     file);
  free (text);
  return key;
}

/* What the key in FILE is called: NAME, else the file's own name without ".pub". */
static const char *
key_name (struct tool *tool, const char *name, const char *file)
{
  const char *base = strrchr (file, '/') ? strrchr (file, '/') + 1 : file;
  size_t length = strlen (base);

  if (name)
    return name;
  if (strcmp (file, "-") == 0)
    return "key";
  if (length > 4 && strcmp (base + length - 4, ".pub") == 0)
    length -= 4;
  return vl_printf (tool->call, "%.*s", (int)length, base);
}

/* *KEYS gets "NAME=KEY" of each --ssh-key, its name the --key-name at the same place.  The caller
 * frees the array. */
static int
read_keys (struct tool *tool, const char ***keys)
{
  const char *const *files = args_list (tool->args, "ssh-key");
  const char *const *names = args_list (tool->args, "key-name");
  size_t n_files = 0, n_names = 0;
  int bad = 0;

  while (files[n_files])
    n_files++;
  while (names[n_names])
    n_names++;
  *keys = vl_xcalloc (n_files + 1, sizeof **keys);
  if (n_names > n_files)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "--key-name NAME --ssh-key FILE",
                      "--key-name '%s' names no key: each goes with one --ssh-key, in order",
                      names[n_files]);
  for (size_t i = 0; i < n_files; i++) {
    const char *key = read_key (tool, files[i]);
    const char *name = key_name (tool, i < n_names ? names[i] : NULL, files[i]);

    if (key == NULL)
      bad = -1;
    else if (strchr (name, '='))
      bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                       "--key-name '%s'; accepted: a name without '='", name);
    else
      (*keys)[i] = vl_printf (tool->call, "%s=%s", name, key);
  }
  return bad;
}

/* ---- the password ---- */

/* An argument would be seen by every user of the host. */
int
server_read_password (struct tool *tool, char **password)
{
  const char *file = args_value (tool->args, "password"), *problem;
  size_t length;

  *password = NULL;
  if (file == NULL)
    return 0;
  *password = tool_read (tool, file, KEY_LIMIT, &length);
  if (*password == NULL)
    return -1;
  problem = memchr (*password, '\0', length) ? "has a NUL" : NULL;
  (*password)[strcspn (*password, "\r\n")] = '\0';
  length = strlen (*password);
  if (problem == NULL && length == 0)
    problem = "is empty; accepted: 1 to 255 bytes";
  else if (problem == NULL && length > PASSWORD_BYTES)
    problem = "is too long; accepted: 1 to 255 bytes";
  else if (problem == NULL)
    problem = vl_text_problem (*password, length);
  return problem ? vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL,
                              "the first line of --password '%s' %s", file, problem)
                 : 0;
}

/* ---- files ---- */

/* What --file GUEST=FILE names, with the bytes of each.  They are in no finding.  0 or -1; in
 * either case the caller frees. */
static int
read_files (struct tool *tool, struct server_gifts *gifts)
{
  const char *const *pairs = args_list (tool->args, "file");
  size_t n = 0;
  int bad = 0;

  while (pairs[n])
    n++;
  gifts->files = vl_xcalloc (n + 1, sizeof *gifts->files);
  for (size_t i = 0; i < n; i++) {
    struct vl_guest_file *file = &gifts->files[gifts->n];
    const char *equals = strchr (pairs[i], '=');

    if (equals == NULL || equals == pairs[i] || equals[1] == '\0') {
      bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL, "--file /etc/motd=motd.txt",
                       "--file '%s'; accepted: GUEST=FILE, the path in the guest and a file of "
                       "this machine",
                       pairs[i]);
      continue;
    }
    file->path = vl_printf (tool->call, "%.*s", (int)(equals - pairs[i]), pairs[i]);
    file->bytes = tool_read (tool, equals + 1, FILE_LIMIT, &file->length);
    if (file->bytes == NULL)
      bad = -1;
    else
      gifts->n++;
  }
  return bad;
}

int
server_gifts_read (struct tool *tool, struct server_gifts *gifts)
{
  return server_read_password (tool, &gifts->password) < 0 ? -1 : read_files (tool, gifts);
}

void
server_gifts_free (struct server_gifts *gifts)
{
  if (gifts->password)
    explicit_bzero (gifts->password, strlen (gifts->password));
  free (gifts->password);
  for (size_t i = 0; i < gifts->n; i++) {
    explicit_bzero ((char *)gifts->files[i].bytes, gifts->files[i].length);
    free ((char *)gifts->files[i].bytes);
  }
  free (gifts->files);
}

/* ---- create ---- */

static int
dry_run (struct tool *tool, const struct vl_create_options *options)
{
  struct vl_plan *plan = NULL;
  int result = vl_plan_create (tool->app, options, &plan);

  if (result == 0) {
    if (! tool->json)
      fputs (vl_plan_xml (plan), stdout);
    json_put (tool->data, "xml", vl_plan_xml (plan));
  }
  vl_plan_free (plan);
  return result;
}

static int
make (struct tool *tool, const struct vl_create_options *options)
{
  const char *uuid = NULL;
  uint32_t seconds;

  if (server_seconds (tool, SERVER_WAIT, &seconds) < 0)
    return -1;
  if (args_has (tool->args, "dry-run"))
    return dry_run (tool, options);
  if (vl_server_create (tool->app, options, &uuid) < 0)
    return -1;
  if (args_has (tool->args, "wait") && wait_for (tool, uuid, seconds) < 0)
    return -1;
  return server_show_one (tool, uuid, 0);
}

int
server_create (struct tool *tool)
{
  const char *file = args_value (tool->args, "request");
  struct vl_create_options options = {
    .name = tool->args->words[0],
    .flavor = args_value (tool->args, "flavor"),
    .image = args_value (tool->args, "image"),
    .networks = args_list (tool->args, "network"),
    .volumes = args_list (tool->args, "volume"),
    .properties = args_list (tool->args, "property"),
    .user_data = args_value (tool->args, "user-data"),
    .config_drive = args_has (tool->args, "config-drive"),
    .metadata = args_list (tool->args, "metadata"),
    .hostname = args_value (tool->args, "hostname"),
  };
  const char **keys = NULL;
  struct server_gifts gifts = { 0 };
  char *text = NULL;
  int result = -1;

  if (options.flavor == NULL && file == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "'server create' needs --flavor FLAVOR, or --request FILE");
  if (file) {
    options.request = text = tool_read (tool, file, REQUEST_LIMIT, &options.length);
    options.origin = strcmp (file, "-") ? file : "stdin";
    if (text == NULL)
      return -1;
  }
  if (read_keys (tool, &keys) == 0 && server_gifts_read (tool, &gifts) == 0) {
    options.files = gifts.files;
    options.n_files = gifts.n;
    options.public_keys = keys;
    options.password = gifts.password;
    result = make (tool, &options);
  }
  server_gifts_free (&gifts);
  free (keys);
  free (text);
  return result;
}
