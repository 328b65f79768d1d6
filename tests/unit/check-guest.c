/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parse: keys to properties, layers by rule, keys that nobody answers for, the
 * core's own keys, image against flavor; with the exact words of each refusal. */

#include <config.h>

#include "swatch.h"

#include <check.h>

static const char *const actions[] = { "none", "pause", "reset", NULL };

static const struct vl_alias aliases[] = {
  { .key = "hide_it", .deprecated = 1 },
  { .key = "hw_veil", .image = 1, .value_map = "on=true,thin=false" },
};

static const struct vl_alias agree_aliases[] = { { .key = "hw:agreed" } };

static const struct vl_prop props[] = {
  { .name = "action",
    .type = VL_CHOICE,
    .rule = VL_IMAGE_WINS,
    .choices = actions,
    .deflt = "none",
    .flavor_key = "hw:dog_action",
    .image_key = "hw_dog_action",
    .invalid_code = "InvalidDogAction" },
  { .name = "agree",
    .type = VL_BOOL,
    .rule = VL_MUST_AGREE,
    .flavor_key = "hw:agree",
    .image_key = "hw_agree",
    .aliases = VL_TABLE (agree_aliases),
    .conflict_code = "DogConflict" },
  { .name = "hidden",
    .type = VL_BOOL,
    .rule = VL_EITHER,
    .deflt = "false",
    .flavor_key = "hw:hide",
    .image_key = "img_hide",
    .aliases = VL_TABLE (aliases) },
  { .name = "count",
    .type = VL_INT,
    .rule = VL_IMAGE_NARROWS,
    .min = 0,
    .max = 9,
    .flavor_key = "hw:dog_count",
    .image_key = "hw_dog_count",
    .conflict_code = "TooManyDogs" },
  { .name = "model",
    .type = VL_STRING,
    .rule = VL_FLAVOR_WINS,
    .flags = VL_LOWER,
    .setting = "dog_model",
    .deflt = "mongrel",
    .flavor_key = "hw:dog_model",
    .image_key = "hw_dog_model" },
  { .name = "size",
    .type = VL_STRING,
    .rule = VL_BY_FEATURE,
    .flags = VL_EMPTY_UNSET,
    .flavor_key = "hw:dog_size",
    .image_key = "hw_dog_size" },
  { .name = "cpus", .type = VL_CPUSET, .flags = VL_INDEXED, .flavor_key = "hw:dog_cpus.N" },
  { .name = "bone", .type = VL_INT, .setting = "bone", .min = 1, .max = 5 },
};

static struct swatch s;
static struct vl_plugin *dog;

static void
setup (void)
{
  static const struct vl_feature feature = { .props = VL_TABLE (props) };

  swatch_start (&s);
  dog = swatch_feature (&s, "dog", &feature);
  swatch_absent (&s, "cat", VL_PLUGIN_DISABLED, "hw:cat_encryption hw_cat_encryption cat:claws",
                 "enabled = no in cat.conf:4");
  swatch_absent (&s, "cow", VL_PLUGIN_REFUSED, "hw:cow.N", "it has no note");
}

static void
teardown (void)
{
  swatch_end (&s);
}

/* ---- layers and rules ---- */

/* What the layers say, and what becomes of PROP: its value and origin, or (VALUE
 * NULL) the finding. */
static const struct {
  const char *specs, *image, *request, *prop, *value;
  enum vl_layer origin;
  const char *finding;
} layers[] = {
  { NULL, NULL, NULL, "action", "none", VL_LAYER_DEFAULT, "" },
  { "\"hw:dog_action\":\"reset\"", NULL, NULL, "action", "reset", VL_LAYER_FLAVOR, "" },
  { "\"hw:dog_action\":\"reset\"", "\"hw_dog_action\":\"pause\"", NULL, "action", "pause",
    VL_LAYER_IMAGE, "" },
  { "\"hw:dog_action\":\"reset\"", "\"hw_dog_action\":\"pause\"", "\"hw_dog_action\":\"none\"",
    "action", "none", VL_LAYER_REQUEST, "" },
  { "\"hw:dog_model\":\"A\"", "\"hw_dog_model\":\"B\"", NULL, "model", "a", VL_LAYER_FLAVOR, "" },
  { NULL, "\"hw_dog_model\":\"B\"", NULL, "model", "b", VL_LAYER_IMAGE, "" },
  { NULL, NULL, NULL, "model", "mongrel", VL_LAYER_DEFAULT, "" },
  { "\"hw:dog_model\":\"A\"", NULL, "\"hw_dog_model\":\"a\"", "model", "a", VL_LAYER_FLAVOR, "" },
  { "\"hw:dog_model\":\"A\"", NULL, "\"hw_dog_model\":\"b\"", "model", NULL, VL_LAYER_DEFAULT,
    "error FlavorImageConflict dog: 'b' of the request cannot replace 'A' of the flavor "
    "(hw_dog_model=b, request; hw:dog_model=A, flavor)\n"
    "  the flavor decides here; leave the property out, or take another flavor" },
  { "\"hw:agree\":\"yes\"", "\"hw_agree\":\"1\"", NULL, "agree", "true", VL_LAYER_IMAGE, "" },
  { "\"hw:agree\":\"yes\"", "\"hw_agree\":\"off\"", NULL, "agree", NULL, VL_LAYER_DEFAULT,
    "error DogConflict dog: 'off' of the image contradicts 'yes' of the flavor (hw_agree=off, "
    "image; hw:agree=yes, flavor)\n"
    "  give both the same value, or leave one out" },
  { NULL, "\"hw_agree\":\"off\"", "\"hw_agree\":\"on\"", "agree", NULL, VL_LAYER_DEFAULT,
    "error DogConflict dog: 'on' of the request contradicts 'off' of the image (hw_agree=on, "
    "request; hw_agree=off, image)\n"
    "  give both the same value, or leave one out" },
  { "\"hw:agree\":\"yes\",\"hw:agreed\":\"true\"", NULL, NULL, "agree", "true", VL_LAYER_FLAVOR,
    "" },
  { "\"hw:agree\":\"yes\",\"hw:agreed\":\"no\"", NULL, NULL, "agree", NULL, VL_LAYER_DEFAULT,
    "error DogConflict dog: 'no' contradicts hw:agree=yes, which is the same property "
    "(hw:agreed=no, flavor)\n"
    "  keep 'hw:agree' and leave 'hw:agreed' out" },
  { "\"hw:hide\":\"true\"", "\"img_hide\":\"false\"", NULL, "hidden", "true", VL_LAYER_FLAVOR, "" },
  { "\"hw:hide\":\"false\"", "\"img_hide\":\"false\"", NULL, "hidden", "false", VL_LAYER_IMAGE,
    "" },
  { NULL, "\"hw_veil\":\"on\"", NULL, "hidden", "true", VL_LAYER_IMAGE, "" },
  { NULL, "\"hw_veil\":\"thin\"", NULL, "hidden", "false", VL_LAYER_IMAGE, "" },
  { "\"hw:hide\":\"false\",\"hide_it\":\"true\"", NULL, NULL, "hidden", "true", VL_LAYER_FLAVOR,
    "warning Warning dog: 'hide_it' is deprecated; write 'hw:hide' (hide_it=true, flavor)" },
  { "\"hw:dog_count\":\"3\"", "\"hw_dog_count\":\"2\"", NULL, "count", "2", VL_LAYER_IMAGE, "" },
  { "\"hw:dog_count\":\"3\"", "\"hw_dog_count\":\"1\"", "\"hw_dog_count\":\"3\"", "count", "3",
    VL_LAYER_REQUEST, "" },
  { "\"hw:dog_count\":\"3\"", "\"hw_dog_count\":\"4\"", NULL, "count", NULL, VL_LAYER_DEFAULT,
    "error TooManyDogs dog: '4' of the image is more than '3' of the flavor (hw_dog_count=4, "
    "image; hw:dog_count=3, flavor)\n"
    "  ask for as much or less; only the flavor may allow more" },
  { "\"hw:dog_count\":\"3\"", NULL, "\"hw_dog_count\":\"4\"", "count", NULL, VL_LAYER_DEFAULT,
    "error TooManyDogs dog: '4' of the request is more than '3' of the flavor (hw_dog_count=4, "
    "request; hw:dog_count=3, flavor)\n"
    "  ask for as much or less; only the flavor may allow more" },
  { NULL, "\"hw_dog_count\":\"9\"", NULL, "count", "9", VL_LAYER_IMAGE, "" },
  { "\"hw:dog_size\":\"\"", "\"hw_dog_size\":\"x\"", NULL, "size", "x", VL_LAYER_IMAGE, "" },
  { "\"hw:dog_size\":\"\"", NULL, NULL, "size", NULL, VL_LAYER_DEFAULT, "" },
  { "\"hw:dog_action\":\"rest\"", NULL, NULL, "action", NULL, VL_LAYER_DEFAULT,
    "error InvalidDogAction dog: 'rest' is not among the choices; accepted: none pause reset; did "
    "you mean 'reset'? (hw:dog_action=rest, flavor)" },
  { NULL, "\"hw_dog_count\":\"10\"", NULL, "count", NULL, VL_LAYER_DEFAULT,
    "error Invalid dog: '10' is out of range; accepted: 0 to 9 (hw_dog_count=10, image)" },
  { NULL, NULL, "\"hw_agree\":\"\"", "agree", NULL, VL_LAYER_DEFAULT,
    "error Invalid dog: '' is empty; accepted: 1 t true on y yes / 0 f false off n no, in any case "
    "(hw_agree=, request)" },
};

START_TEST (layer)
{
  const char *name = vl_printf (s.call, "dog.%s", layers[_i].prop);
  int refused = VL_STARTS (layers[_i].finding, "error");

  swatch_parse (&s, layers[_i].specs, layers[_i].image, layers[_i].request);
  ck_assert_str_eq (swatch_findings (&s), layers[_i].finding);
  ck_assert_int_eq (has_failed (s.guest, dog), refused);
  if (refused)
    return;
  ck_assert_pstr_eq (swatch_value (&s, name), layers[_i].value);
  if (layers[_i].value)
    ck_assert_int_eq (vl_guest_find (s.guest, name)->origin, layers[_i].origin);
}
END_TEST

START_TEST (settings_are_a_layer)
{
  swatch_setting (&s, dog, "dog_model", "Spaniel");
  swatch_setting (&s, dog, "bone", "4");
  swatch_parse (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_value (&s, "dog.model"), "spaniel");
  ck_assert_int_eq (vl_guest_find (s.guest, "dog.model")->origin, VL_LAYER_SETTING);
  ck_assert_str_eq (swatch_cause (&s, "dog.model"), "dog_model=spaniel (setting, FILE:3)");
  ck_assert_int_eq (vl_guest_find (s.guest, "dog.bone")->value.number, 4);
  swatch_parse (&s, NULL, "\"hw_dog_model\":\"Beagle\"", NULL);
  ck_assert_str_eq (swatch_value (&s, "dog.model"), "beagle");
}
END_TEST

/* ---- indexed keys ---- */

START_TEST (indexed)
{
  const struct vl_guest_prop *prop;

  swatch_parse (&s, "\"hw:dog_cpus.1\":\"3,2\",\"hw:dog_cpus.0\":\"0-1\"", NULL, NULL);
  prop = vl_guest_find (s.guest, "dog.cpus");
  ck_assert_uint_eq (prop->value.n_items, 2);
  ck_assert_str_eq (prop->value.items[0], "0-1");
  ck_assert_str_eq (prop->value.items[1], "2-3");
  ck_assert_str_eq (prop->value.text, "0-1 2-3");
  ck_assert_str_eq (swatch_cause (&s, "dog.cpus"), "hw:dog_cpus.N=0-1 3,2 (flavor)");
  ck_assert_str_eq (swatch_findings (&s), "");
  swatch_parse (&s, "\"hw:dog_cpus.0\":\"5\"", NULL, NULL);
  ck_assert_str_eq (swatch_cause (&s, "dog.cpus"), "hw:dog_cpus.0=5 (flavor)");
}
END_TEST

START_TEST (a_gap_is_an_error)
{
  swatch_parse (&s, "\"hw:dog_cpus.0\":\"1\",\"hw:dog_cpus.2\":\"7\"", NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error Invalid dog: there is a number 2 and no number 1; accepted: 0, 1, 2 ... "
                    "without a gap (hw:dog_cpus.2=7, flavor)\n"
                    "  give number 1 too, or number the keys anew");
  ck_assert_int_eq (has_failed (s.guest, dog), 1);
  swatch_parse (&s, "\"hw:dog_cpus.1\":\"7\"", NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error Invalid dog: there is a number 1 and no number 0; accepted: 0, 1, 2 ... "
                    "without a gap (hw:dog_cpus.1=7, flavor)\n"
                    "  give number 0 too, or number the keys anew");
}
END_TEST

START_TEST (bad_indexes)
{
  swatch_parse (&s,
                "\"hw:dog_cpus.0\":\"x\",\"hw:dog_cpus.128\":\"1\",\"hw:dog_cpus.01\":\"1\","
                "\"hw:dog_cpus.N\":\"1\"",
                NULL, NULL);
  ck_assert_str_eq (
      swatch_findings (&s),
      "error ValidationError dog: 'hw:dog_cpus.01' is no key by itself; accepted: a number from 0 "
      "to 127 without leading zeros at its end (hw:dog_cpus.01=1, flavor)\n"
      "error ValidationError dog: 'hw:dog_cpus.N' is no key by itself; accepted: a number from 0 "
      "to 127 without leading zeros at its end (hw:dog_cpus.N=1, flavor)\n"
      "error Invalid dog: 'x' is no CPU set; accepted: numbers, ranges and exclusions with a comma "
      "between, as in '0-3,^2,6' (hw:dog_cpus.0=x, flavor)\n"
      "error Invalid dog: number 128 is out of range; accepted: 0 to 127 (hw:dog_cpus.128=1, "
      "flavor)");
}
END_TEST

/* ---- keys that nobody answers for ---- */

#define LIST_HINT "\n  'virtloom feature list --long' shows the keys that are known, and ignored_"
#define SPEC_HINT LIST_HINT "extra_specs of virtloom.conf names those to pass over"
#define PROP_HINT LIST_HINT "properties of virtloom.conf names those to pass over"
#define SPELT "' is no key: case, blanks, '-', '_' and ':' count "
#define LETTERS "' is no key; accepted: letters, digits, '_', '.', ':' and '-' "
#define NOTHING                                                                                    \
  "advice Advice core: no plugin answers for these properties of the image, which have no "        \
  "effect: "
#define NAME_THEM                                                                                  \
  " (image)\n  name them in ignored_properties of virtloom.conf to have them passed over"

static const struct {
  const char *specs, *image, *request, *findings;
} unknown[] = {
  { "\"hw:dog_acton\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'hw:dog_acton' (hw:dog_acton=x, "
    "flavor)\n  did you mean 'hw:dog_action'?" },
  { "\"hw:cat_encription\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'hw:cat_encription' "
    "(hw:cat_encription=x, flavor)\n  did you mean 'hw:cat_encryption'?" },
  { "\"HW:something_else\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'HW:something_else' "
    "(HW:something_else=x, flavor)" SPEC_HINT },
  { "\"cat:x\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'cat:x' (cat:x=x, "
    "flavor)" SPEC_HINT },
  /* Name spaces that no conf claims, and keys without one. */
  { "\"rack:row\":\"x\",\"ssd\":\"yes\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'rack:row' (rack:row=x, "
    "flavor)" SPEC_HINT "\n"
    "error ValidationError core: no plugin answers for extra spec 'ssd' (ssd=yes, "
    "flavor)" SPEC_HINT },
  { "\"shelf:row\":\"x\",\"billing-class\":\"gold\",\":x\":\"1\"", NULL, NULL, "" },
  { "\"dog_action\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'dog_action' (dog_action=x, "
    "flavor)\n  did you mean 'hw:dog_action'?" },
  { "\"hide_itt\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'hide_itt' (hide_itt=x, "
    "flavor)\n  did you mean 'hide_it'?" },
  /* Right but for the spelling, in each layer. */
  { "\"HW:dog_action\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'HW:dog_action" SPELT "(HW:dog_action=x, flavor)\n"
    "  write 'hw:dog_action'" },
  { "\"hw:dog-action\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'hw:dog-action" SPELT "(hw:dog-action=x, flavor)\n"
    "  write 'hw:dog_action'" },
  { "\"hw: dog_action\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'hw: dog_action" SPELT "(hw: dog_action=x, flavor)\n"
    "  write 'hw:dog_action'" },
  { "\"hw_Dog_action\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'hw_Dog_action" SPELT "(hw_Dog_action=x, flavor)\n"
    "  write 'hw:dog_action'" },
  { "\"hw:Cat_encryption\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'hw:Cat_encryption" SPELT "(hw:Cat_encryption=x, flavor)\n"
    "  write 'hw:cat_encryption'" },
  { "\"hw:dog-cpus.3\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'hw:dog-cpus.3" SPELT "(hw:dog-cpus.3=x, flavor)\n"
    "  write 'hw:dog_cpus.N'" },
  { NULL, "\"IMG_Hide\":\"x\"", NULL,
    "error InvalidKey core: 'IMG_Hide" SPELT "(IMG_Hide=x, image)\n  write 'img_hide'" },
  { NULL, "\"img hide\":\"x\",\"img_ hide\":\"x\"", NULL,
    "error InvalidKey core: 'img_ hide" SPELT "(img_ hide=x, image)\n  write 'img_hide'\n" NOTHING
    "img hide" NAME_THEM },
  { NULL, "\"Hypervisor-Type\":\"x\"", NULL,
    "error InvalidKey core: 'Hypervisor-Type" SPELT "(Hypervisor-Type=x, image)\n"
    "  write 'hypervisor_type'" },
  { "\"hw_dog_Action\":\"x\",\"img-hide\":\"1\"", "\"HW:dog_cpus.0\":\"1\"", NULL,
    "error InvalidKey core: 'hw_dog_Action" SPELT "(hw_dog_Action=x, flavor)\n"
    "  write 'hw:dog_action'\n"
    "error InvalidKey core: 'img-hide" SPELT "(img-hide=1, flavor)\n"
    "  set it in the image, where it is written 'img_hide'\n"
    "error InvalidKey core: 'HW:dog_cpus.0" SPELT "(HW:dog_cpus.0=1, image)\n"
    "  set it in the flavor, where it is written 'hw:dog_cpus.N'" },
  { NULL, NULL, "\"hw-dog-action\":\"x\"",
    "error InvalidKey core: 'hw-dog-action" SPELT "(hw-dog-action=x, request)\n"
    "  write 'hw_dog_action'" },
  /* Other characters than keys have. */
  { "\"a b\":\"x\",\"a/b\":\"x\"", NULL, NULL,
    "error InvalidKey core: 'a b" LETTERS "(a b=x, flavor)\n"
    "error InvalidKey core: 'a/b" LETTERS "(a/b=x, flavor)" },
  { NULL, NULL, "\"a b\":\"x\"", "error InvalidKey core: 'a b" LETTERS "(a b=x, request)" },
  { NULL, "\"HW dog\":\"x\",\"os/x\":\"x\",\"Trait x\":\"x\"", NULL,
    "error InvalidKey core: 'HW dog" LETTERS "(HW dog=x, image)\n"
    "error InvalidKey core: 'Trait x" LETTERS "(Trait x=x, image)\n"
    "error InvalidKey core: 'os/x" LETTERS "(os/x=x, image)" },
  /* Known to Nova. */
  { "\"hw:pmem\":\"a\",\"hw:redirected_usb_ports\":\"0\",\"pci_passthrough:alias\":\"a:1\"", NULL,
    NULL,
    "error NotSupported core: 'hw:pmem' is not supported: guests are given no persistent memory "
    "(hw:pmem=a, flavor)\n  take it out of the flavor\n"
    "advice Advice core: 'hw:redirected_usb_ports' is not supported, and '0' asks for nothing: "
    "passed over (hw:redirected_usb_ports=0, flavor)\n"
    "error NotSupported core: 'pci_passthrough:alias' is not supported: guests are given no PCI "
    "devices of the host (pci_passthrough:alias=a:1, flavor)\n  take it out of the flavor" },
  { NULL, "\"hw_ephemeral_encryption\":\"x\"", NULL,
    "error NotSupported core: 'hw_ephemeral_encryption' is not supported: ephemeral disks are not "
    "encrypted (hw_ephemeral_encryption=x, image)\n  take it out of the image" },
  { "\"hw_dog_action\":\"reset\"", NULL, NULL,
    "error ValidationError dog: 'hw_dog_action' is a property of images, not an extra spec of "
    "flavors (hw_dog_action=reset, flavor)\n  write 'hw:dog_action' here" },
  { NULL, "\"hw:dog_action\":\"reset\"", NULL,
    "error ValidationError dog: 'hw:dog_action' is an extra spec of flavors, not a property of "
    "images (hw:dog_action=reset, image)\n  write 'hw_dog_action' here" },
  { NULL, NULL, "\"hw:dog_cpus.0\":\"1\"",
    "error ValidationError dog: 'hw:dog_cpus.0' is an extra spec of flavors, not a property that "
    "a server may be given (hw:dog_cpus.0=1, request)\n  set it in the flavor" },
  { NULL, "\"hw_bogus\":\"1\"", NULL,
    "error ValidationError core: no plugin answers for property 'hw_bogus' (hw_bogus=1, "
    "image)" PROP_HINT },
  { NULL, "\"os_bogus\":\"1\"", NULL,
    "error ValidationError core: no plugin answers for property 'os_bogus' (os_bogus=1, "
    "image)" PROP_HINT },
  { NULL, "\"OS_bogus\":\"1\",\"trait:hw\":\"1\",\"trait_x:Y\":\"required\"", NULL,
    "error ValidationError core: no plugin answers for property 'OS_bogus' (OS_bogus=1, "
    "image)" PROP_HINT "\n"
    "error Invalid core: 'hw' is no name; accepted: capital letters, digits and '_' (trait:hw=1, "
    "image)\n"
    "error ValidationError core: no plugin answers for property 'trait_x:Y' (trait_x:Y=required, "
    "image)" PROP_HINT },
  { NULL, "\"owner\":\"1\",\"img_hyde\":\"1\",\"cat:tail\":\"1\",\"my notes\":\"1\"", NULL,
    NOTHING "cat:tail, img_hyde, my notes, owner" NAME_THEM },
  { NULL, NULL, "\"owner\":\"1\"",
    "error ValidationError core: no plugin answers for property 'owner' (owner=1, "
    "request)" PROP_HINT },
  { NULL, "\"os_hash_algo\":\"1\",\"mappings\":\"1\",\"img_mappings\":\"2\"", NULL, "" },
  { "\"hw:cat_encryption\":\"true\"", "\"hw_cat_encryption\":\"true\"", NULL,
    "error FeatureUnavailable cat: 'hw:cat_encryption' is for feature 'cat' (plugins.d/cat.conf), "
    "which is turned off: enabled = no in cat.conf:4 (hw:cat_encryption=true, flavor)\n"
    "  virtloom feature enable cat\n"
    "error FeatureUnavailable cat: 'hw_cat_encryption' is for feature 'cat' (plugins.d/cat.conf), "
    "which is turned off: enabled = no in cat.conf:4 (hw_cat_encryption=true, image)\n"
    "  virtloom feature enable cat" },
  { "\"hw:cow.3\":\"moo\"", NULL, NULL,
    "error PluginRefused cow: 'hw:cow.3' is for feature 'cow' (plugins.d/cow.conf), which is "
    "refused: it has no note (hw:cow.3=moo, flavor)\n"
    "  'virtloom feature show cow' tells what to mend" },
};

START_TEST (unknown_keys)
{
  swatch_main (&s, "ignored_properties", "os_hash_*, img_mappings");
  swatch_main (&s, "ignored_extra_specs", "shelf:* billing-class :*");
  s.call->verbose = 1;
  swatch_parse (&s, unknown[_i].specs, unknown[_i].image, unknown[_i].request);
  ck_assert_str_eq (swatch_findings (&s), unknown[_i].findings);
  ck_assert_int_eq (has_failed (s.guest, dog), 0);
}
END_TEST

START_TEST (what_has_no_effect_is_told_on_demand)
{
  swatch_parse (&s, NULL, "\"owner\":\"1\"", NULL);
  ck_assert_str_eq (swatch_findings (&s), "");
}
END_TEST

static const struct {
  enum vl_layer layer;
  struct vl_property property;
  const char *findings;
} set[] = {
  { VL_LAYER_FLAVOR, { "hw:dog_action", "reset" }, "" },
  { VL_LAYER_FLAVOR,
    { "hw:dog_action", "bark" },
    "error InvalidDogAction dog: 'bark' is not among the choices; accepted: none pause reset "
    "(hw:dog_action=bark, flavor)" },
  { VL_LAYER_FLAVOR,
    { "rack:row", "1" },
    "error ValidationError core: no plugin answers for extra spec 'rack:row' (rack:row=1, "
    "flavor)" SPEC_HINT },
  { VL_LAYER_FLAVOR,
    { "trait:A", "maybe" },
    "error Invalid core: 'maybe' is no value of 'trait:A'; accepted: required forbidden "
    "(trait:A=maybe, flavor)" },
  { VL_LAYER_IMAGE, { "hw_dog_count", "9" }, "" },
  { VL_LAYER_IMAGE, { "owner", "1" }, NOTHING "owner" NAME_THEM },
};

/* By itself: a value that the other layer would not have is judged in a plan. */
START_TEST (judged_when_set)
{
  size_t errors;

  ck_assert_int_eq (
      vl_keys_judge (s.call, s.registry, s.config, set[_i].layer, &set[_i].property, 1),
      strncmp (set[_i].findings, "error", 5) ? 0 : -1);
  errors = s.call->findings.n_errors;
  ck_assert_str_eq (swatch_findings (&s), set[_i].findings);
  ck_assert_uint_le (errors, 1);
}
END_TEST

START_TEST (an_unavailable_feature_is_exit_4)
{
  swatch_parse (&s, "\"hw:cat_encryption\":\"true\"", NULL, NULL);
  ck_assert_int_eq (vl_findings_exit (s.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

#define N(rows) (int)(sizeof (rows) / sizeof ((rows)[0]))

int
main (void)
{
  Suite *suite = suite_create ("guest");
  TCase *tests = tcase_create ("guest");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_loop_test (tests, layer, 0, N (layers));
  tcase_add_test (tests, settings_are_a_layer);
  tcase_add_test (tests, indexed);
  tcase_add_test (tests, a_gap_is_an_error);
  tcase_add_test (tests, bad_indexes);
  tcase_add_loop_test (tests, unknown_keys, 0, N (unknown));
  tcase_add_test (tests, what_has_no_effect_is_told_on_demand);
  tcase_add_loop_test (tests, judged_when_set, 0, N (set));
  tcase_add_test (tests, an_unavailable_feature_is_exit_4);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
