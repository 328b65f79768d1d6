/* SPDX-License-Identifier: MIT
 *
 * An example of a feature in C++20 with its standard library: what a flavor and an
 * image note of a guest, in its description.  No exception may leave a callback. */

#include <exception>
#include <map>
#include <string>

#include <virtloom/feature.h>

namespace {

using Notes = std::map<std::string, std::string>;

const vl_prop props[] = {
  { .name = "notes",
    .type = VL_LIST,
    .rule = VL_FLAVOR_WINS,
    .flavor_key = "acme:notes",
    .image_key = "acme_notes",
    .help = "NAME=TEXT, with commas between: what is noted of the guest",
    .since = "0.1" },
};

const vl_write writes[] = { { .path = "description" } };

/* Calls FN; what it throws becomes a refusal. */
template <typename Fn>
int
guarded (vl_call *c, Fn fn)
{
  try {
    return fn ();
  } catch (const std::exception &error) {
    return vl_refuse (c, VL_ERR_FAILED, nullptr, nullptr, "acme-notes: %s", error.what ());
  }
}

/* The notes by name; -1 after refusing each item that is none, or is there twice. */
int
read_notes (vl_call *c, Notes &notes)
{
  int result = 0;

  for (size_t i = 0; i < vl_count (c, "notes"); i++) {
    const std::string item = vl_item (c, "notes", i);
    const size_t equals = item.find ('=');

    if (equals == 0 || equals == item.npos)
      result = vl_refuse (c, VL_ERR_REQUEST, "notes", nullptr,
                          "'%s' is no note; accepted: NAME=TEXT", item.c_str ());
    else if (! notes.emplace (item.substr (0, equals), item.substr (equals + 1)).second)
      result = vl_refuse (c, VL_ERR_REQUEST, "notes", "leave one of them out",
                          "there are two notes of the name '%.*s'", static_cast<int> (equals),
                          item.c_str ());
  }
  return result;
}

int
active (vl_call *c)
{
  return vl_has (c, "notes");
}

int
validate (vl_call *c)
{
  return guarded (c, [c] {
    Notes notes;

    return read_notes (c, notes);
  });
}

int
contribute (vl_call *c)
{
  return guarded (c, [c] {
    Notes notes;
    std::string text;

    if (read_notes (c, notes) < 0)
      return -1;
    for (const auto &[name, what] : notes)
      text += (text.empty () ? "" : "; ") + name + ": " + what;
    return vl_text_why (vl_ensure (c, "description", "notes"), text.c_str (), "notes");
  });
}

} // namespace

VL_FEATURE (acme_notes, "acme-notes", .version = "1.0",
            .summary = "what flavor and image note of a guest, in its description",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = active,
            .validate = validate, .contribute = contribute);
