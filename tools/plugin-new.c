/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom plugin new: a folder with a small feature that builds and conforms,
 * to be changed into what is wanted.  In the templates @name@ is the plugin,
 * @ident@ its name in C. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char code_template[] =
    "/* SPDX-License-Identifier: MIT\n"
    " *\n"
    " * @name@: says what the guest gets from it, and when. */\n"
    "\n"
    "#include <virtloom/feature.h>\n"
    "\n"
    "static const char *const models[] = { \"isa\", \"hyperv\", NULL };\n"
    "\n"
    "static const struct vl_prop props[] = {\n"
    "  { .name = \"model\",\n"
    "    .type = VL_CHOICE,\n"
    "    .choices = models,\n"
    "    .flavor_key = \"@name@:model\",\n"
    "    .help = \"model of the panic device; unset: none\",\n"
    "    .since = \"0.1\" },\n"
    "};\n"
    "\n"
    "/* The subtrees of the domain that this plugin may touch. */\n"
    "static const struct vl_write writes[] = { { .path = \"devices/panic\" } };\n"
    "\n"
    "/* Rows of others that it reads. */\n"
    "static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH } };\n"
    "\n"
    "static int\n"
    "active (struct vl_call *c)\n"
    "{\n"
    "  return vl_has (c, \"model\");\n"
    "}\n"
    "\n"
    "static int\n"
    "validate (struct vl_call *c)\n"
    "{\n"
    "  if (vl_is (c, VL_GUEST_ARCH, \"x86_64\"))\n"
    "    return 0;\n"
    "  return vl_refuse (c, VL_ERR_UNSUPPORTED, \"model\",\n"
    "                    \"leave @name@:model out of flavors for other machines\",\n"
    "                    \"a panic device needs an x86_64 guest\");\n"
    "}\n"
    "\n"
    "static int\n"
    "contribute (struct vl_call *c)\n"
    "{\n"
    "  return vl_set_from (vl_append (c, \"devices/panic\", \"model\"), \"model\", \"model\");\n"
    "}\n"
    "\n"
    "VL_FEATURE (@ident@, \"@name@\", .version = \"0.1\", .summary = \"a panic device\",\n"
    "            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE "
    "(reads),\n"
    "            .active = active, .validate = validate, .contribute = contribute);\n";

static const char conf_template[] = "# See virtloom-feature-@name@(7) and virtloom-plugins.d(5).\n"
                                    "[plugin]\n"
                                    "kind     = feature\n"
                                    "module   = @name@.so\n"
                                    "enabled  = yes\n"
                                    "critical = no\n"
                                    "keys     = @name@:model\n";

static const char pod_template[] = "=encoding utf8\n"
                                   "\n"
                                   "=head1 NAME\n"
                                   "\n"
                                   "virtloom-feature-@name@ - a panic device\n"
                                   "\n"
                                   "=head1 SYNOPSIS\n"
                                   "\n"
                                   " virtloom flavor set m1.small --property @name@:model=isa\n"
                                   "\n"
                                   "=head1 PROPERTIES\n"
                                   "\n"
                                   "=over 4\n"
                                   "\n"
                                   "=item B<model> (flavor key C<@name@:model>)\n"
                                   "\n"
                                   "C<isa> or C<hyperv>. Unset: the guest has no panic device.\n"
                                   "\n"
                                   "=back\n"
                                   "\n"
                                   "=head1 ERRORS\n"
                                   "\n"
                                   "=over 4\n"
                                   "\n"
                                   "=item Unsupported (exit 4)\n"
                                   "\n"
                                   "The guest is not x86_64.\n"
                                   "\n"
                                   "=back\n"
                                   "\n"
                                   "=head1 SEE ALSO\n"
                                   "\n"
                                   "L<virtloom-feature(3)>, L<virtloom-plugins.d(5)>\n"
                                   "\n"
                                   "=cut\n";

static const char make_template[] =
    "NAME      = @name@\n"
    "CFLAGS   ?= -O2 -g\n"
    "CFLAGS   += -std=c11 -Wall -Wextra -fPIC -fvisibility=hidden $(shell pkg-config --cflags "
    "virtloom)\n"
    "LDFLAGS  += $(shell pkg-config --variable=plugin_ldflags virtloom)\n"
    "LDLIBS   += $(shell pkg-config --libs virtloom)\n"
    "moduledir = $(shell pkg-config --variable=moduledir virtloom)\n"
    "pluginsd  = $(shell pkg-config --variable=pluginsd virtloom)\n"
    "mandir   ?= /usr/local/share/man\n"
    "\n"
    "all: $(NAME).so\n"
    "\n"
    "$(NAME).so: $(NAME).c\n"
    "\t$(CC) $(CPPFLAGS) $(CFLAGS) $< -o $@ $(LDFLAGS) $(LDLIBS)\n"
    "\n"
    "check: $(NAME).so\n"
    "\tvirtloom plugin check ./$(NAME).so\n"
    "\n"
    "install: $(NAME).so\n"
    "\tinstall -D -m 0755 $(NAME).so $(DESTDIR)$(moduledir)/$(NAME).so\n"
    "\tinstall -D -m 0644 $(NAME).conf $(DESTDIR)$(pluginsd)/$(NAME).conf\n"
    "\tinstall -d $(DESTDIR)$(mandir)/man7\n"
    "\tpod2man --section=7 $(NAME).pod > $(DESTDIR)$(mandir)/man7/virtloom-feature-$(NAME).7\n"
    "\n"
    "clean:\n"
    "\trm -f $(NAME).so\n"
    "\n"
    ".PHONY: all check install clean\n";

/* TEMPLATE with @name@ and @ident@ filled in; the caller frees. */
static char *
fill (const char *template, const char *name, const char *ident)
{
  static const struct {
    const char *mark;
    size_t length;
  } marks[] = { { "@name@", 6 }, { "@ident@", 7 } };
  const char *words[2] = { name, ident };
  char *out = vl_xstrdup (""), *longer;

  while (*template) {
    size_t plain = strcspn (template, "@"), taken = plain;
    const char *word = "";

    for (int i = 0; i < 2; i++)
      if (strncmp (template + plain, marks[i].mark, marks[i].length) == 0) {
        word = words[i];
        taken = plain + marks[i].length;
      }
    if (*word == '\0' && template[plain])
      taken = ++plain;
    longer = vl_xasprintf ("%s%.*s%s", out, (int)plain, template, word);
    free (out);
    out = longer;
    template += taken;
  }
  return out;
}

static int
write_template (struct tool *tool, const char *template, const char *path, const char *ident)
{
  char *text = fill (template, tool->args->words[0], ident);
  int result = tool_write_new (tool, path, text);

  free (text);
  return result;
}

int
plugin_new (struct tool *tool)
{
  const char *name = tool->args->words[0];
  char ident[32] = "";
  size_t n = strlen (name);

  if (vl_plugins_check_name (tool->app, name) < 0)
    return -1;
  for (size_t i = 0; i < n; i++)
    ident[i] = name[i] == '-' ? '_' : name[i];
  if (mkdir (name, 0755) < 0)
    return vl_refuse (tool->call, errno == EEXIST ? VL_ERR_CONFLICT : VL_ERR_FAILED, NULL, NULL,
                      "the folder '%s' cannot be made: %m", name);
  if (write_template (tool, code_template, vl_printf (tool->call, "%s/%s.c", name, name), ident) < 0
      || write_template (tool, conf_template, vl_printf (tool->call, "%s/%s.conf", name, name),
                         ident)
             < 0
      || write_template (tool, pod_template, vl_printf (tool->call, "%s/%s.pod", name, name), ident)
             < 0
      || write_template (tool, make_template, vl_printf (tool->call, "%s/Makefile", name), ident)
             < 0)
    return -1;
  tool_done (tool, "%s: now `make -C %s check`", name, name);
  return 0;
}
