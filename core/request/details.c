/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a network has besides the members that all have: Neutron's details of a port, each
 * known to the plugin that answers for the network's type. */

#include <config.h>

#include "request/request.h"
#include "request/work.h"

#include "lib/text.h"

#include <jansson.h>

/* VALUE as text, NULL where it is a list, an object or null. */
static const char *
text_of (struct vl_call *call, const json_t *value)
{
  if (json_is_string (value))
    return vl_arena_strdup (call->arena, json_string_value (value));
  if (json_is_boolean (value))
    return json_is_true (value) ? "true" : "false";
  return json_is_integer (value)
             ? vl_printf (call, "%" JSON_INTEGER_FORMAT, json_integer_value (value))
             : NULL;
}

const char *
vl_detail (struct vl_call *call, const char *details, const char *name)
{
  json_t *object = details ? json_loads (details, 0, NULL) : NULL;
  const char *text = text_of (call, json_object_get (object, name));

  json_decref (object);
  return text;
}

/* What Neutron says to all, and no hypervisor does anything about. */
static int
is_idle (const char *name)
{
  static const char *const idle[] = { "bound_drivers", "connectivity", "port_filter", NULL };

  return vl_text_among (name, idle);
}

static int
judge (struct vl_call *call, const char *key, const json_t *value, const char *const *known,
       const char *path)
{
  struct vl_spell spell = { .wanted = key };
  VL_AUTOSTR struct vl_str all = { 0 };
  const char *text = text_of (call, value);

  if (is_idle (key))
    return 0;
  for (; known && *known; known++) {
    vl_spell_offer (&spell, *known);
    vl_str_printf (&all, " %s", *known);
    if (! VL_STREQ (*known, key))
      continue;
    if (text == NULL)
      return vl_refuse (call, VL_ERR_REQUEST, NULL, NULL,
                        "%s is not text; accepted: text, a whole number, true or false", path);
    if (vl_text_problem (text, strlen (text)))
      return vl_refuse (call, VL_ERR_REQUEST, NULL, NULL, "%s: '%s' %s", path,
                        vl_shown (call->arena, text), vl_text_problem (text, strlen (text)));
    return 0;
  }
  return vl_refuse (call, VL_ERR_REQUEST, NULL,
                    spell.best ? vl_printf (call, "did you mean '%s'?", spell.best) : NULL,
                    "%s is nothing that this type of network has; accepted:%s", path,
                    all.length ? all.text : " none");
}

int
vl_details_judge (struct vl_call *call, const char *details, const char *const *known, size_t i)
{
  json_t *object = details ? json_loads (details, 0, NULL) : NULL, *value;
  const char *key;
  int result = 0;

  json_object_foreach (object, key, value)
  {
    const char *path =
        vl_printf (call, "$.networks[%zu].details['%s']", i, vl_shown (call->arena, key));

    if (! json_is_null (value))
      result |= judge (call, key, value, known, path);
  }
  json_decref (object);
  return result;
}
