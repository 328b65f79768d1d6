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
  { .name = "old", .type = VL_BOOL, .flags = VL_DEPRECATED, .image_key = "hw_dog_old" },
};

static const struct vl_setting settings[] = {
  { .name = "dog_model", .type = VL_STRING, .deflt = "Mongrel" },
  { .name = "bone", .type = VL_STRING },
};

static struct swatch s;
static struct vl_plugin *dog;

static void
setup (void)
{
  static const struct vl_feature feature = { .props = VL_TABLE (props),
                                             .settings = VL_TABLE (settings) };

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
  { NULL, NULL, NULL, "model", "Mongrel", VL_LAYER_DEFAULT, "" },
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
  { NULL, "\"hw_dog_old\":\"true\"", NULL, "old", "true", VL_LAYER_IMAGE,
    "warning Warning dog: 'hw_dog_old' is deprecated (hw_dog_old=true, image)" },
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
  ck_assert_int_eq (vl_guest_failed (s.guest, dog), refused);
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
  ck_assert_str_eq (swatch_value (&s, "dog.model"), "Spaniel");
  ck_assert_int_eq (vl_guest_find (s.guest, "dog.model")->origin, VL_LAYER_SETTING);
  ck_assert_str_eq (swatch_cause (&s, "dog.model"), "dog_model=Spaniel (setting, FILE:3)");
  /* Text of the setting, a number of the property. */
  ck_assert_int_eq (vl_guest_find (s.guest, "dog.bone")->value.number, 4);
  swatch_parse (&s, NULL, "\"hw_dog_model\":\"Beagle\"", NULL);
  ck_assert_str_eq (swatch_value (&s, "dog.model"), "beagle");
}
END_TEST

START_TEST (a_setting_that_the_property_refuses)
{
  swatch_setting (&s, dog, "bone", "9");
  swatch_parse (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error Unsupported dog: setting 'bone' = '9' is out of range; "
                    "accepted: 1 to 5 (bone=9, setting, FILE:3)");
  ck_assert_int_eq (vl_findings_exit (s.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

/* ---- indexed keys ---- */

START_TEST (indexed)
{
  const struct vl_guest_prop *prop;

  swatch_parse (&s, "\"hw:dog_cpus.1\":\"3,2\",\"hw:dog_cpus.0\":\"0-1\",\"hw:dog_cpus.3\":\"7\"",
                NULL, NULL);
  prop = vl_guest_find (s.guest, "dog.cpus");
  ck_assert_uint_eq (prop->value.n_items, 2);
  ck_assert_str_eq (prop->value.items[0], "0-1");
  ck_assert_str_eq (prop->value.items[1], "2-3");
  ck_assert_str_eq (prop->value.text, "0-1 2-3");
  ck_assert_str_eq (swatch_cause (&s, "dog.cpus"), "hw:dog_cpus.N=0-1 3,2 (flavor)");
  ck_assert_str_eq (swatch_findings (&s),
                    "warning Warning dog: number 3 is not read, since there is no number 2; "
                    "accepted: 0, 1, 2 ... without a gap (hw:dog_cpus.3=7, flavor)");
  swatch_parse (&s, "\"hw:dog_cpus.0\":\"5\"", NULL, NULL);
  ck_assert_str_eq (swatch_cause (&s, "dog.cpus"), "hw:dog_cpus.0=5 (flavor)");
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

#define LIST_HINT "\n  'virtloom feature list' shows the keys that are known"

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
    "(HW:something_else=x, flavor)" LIST_HINT },
  { "\"cat:x\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'cat:x' (cat:x=x, "
    "flavor)" LIST_HINT },
  { "\"rack:row\":\"x\",\"ssd\":\"yes\",\"billing-class\":\"gold\"", NULL, NULL, "" },
  { "\"dog_action\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'dog_action' (dog_action=x, "
    "flavor)\n  did you mean 'hw:dog_action'?" },
  { "\"hide_itt\":\"x\"", NULL, NULL,
    "error ValidationError core: no plugin answers for extra spec 'hide_itt' (hide_itt=x, "
    "flavor)\n  did you mean 'hide_it'?" },
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
    "image)" LIST_HINT },
  { NULL, "\"os_bogus\":\"1\"", NULL,
    "error ValidationError core: no plugin answers for property 'os_bogus' (os_bogus=1, "
    "image)" LIST_HINT },
  { NULL, "\"cat:tail\":\"1\"", NULL,
    "error ValidationError core: no plugin answers for property 'cat:tail' (cat:tail=1, "
    "image)" LIST_HINT },
  { NULL, "\"owner\":\"1\"", NULL,
    "warning Warning core: no plugin answers for property 'owner'; it has no effect (owner=1, "
    "image)\n  name it in ignored_properties of virtloom.conf to have it passed over" },
  { NULL, "\"img_hyde\":\"1\"", NULL,
    "warning Warning core: no plugin answers for property 'img_hyde'; it has no effect "
    "(img_hyde=1, image)\n  did you mean 'img_hide'?" },
  { NULL, NULL, "\"owner\":\"1\"",
    "error ValidationError core: no plugin answers for property 'owner' (owner=1, "
    "request)" LIST_HINT },
  { NULL, "\"os_hash_algo\":\"1\",\"mappings\":\"1\",\"img_mappings\":\"2\"", NULL, "" },
  { "\"hw:cat_encryption\":\"true\"", "\"hw_cat_encryption\":\"true\"", NULL,
    "error FeatureUnavailable cat: 'hw:cat_encryption' is for feature 'cat' (plugins.d/cat.conf), "
    "which is turned off: enabled = no in cat.conf:4 (hw:cat_encryption=true, flavor)\n"
    "  virtloom feature enable cat\n"
    "error FeatureUnavailable cat: 'hw_cat_encryption' is for feature 'cat' (plugins.d/cat.conf), "
    "which is turned off: enabled = no in cat.conf:4 (hw_cat_encryption=true, image)\n"
    "  virtloom feature enable cat" },
  { "\"hw:cow.3\":\"moo\"", NULL, NULL,
    "error FeatureUnavailable cow: 'hw:cow.3' is for feature 'cow' (plugins.d/cow.conf), which is "
    "not loaded: it has no note (hw:cow.3=moo, flavor)\n"
    "  'virtloom feature show cow' tells what to mend" },
};

START_TEST (unknown_keys)
{
  swatch_ignore (&s, "os_hash_*, img_mappings");
  swatch_parse (&s, unknown[_i].specs, unknown[_i].image, unknown[_i].request);
  ck_assert_str_eq (swatch_findings (&s), unknown[_i].findings);
  ck_assert_int_eq (vl_guest_failed (s.guest, dog), 0);
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
  tcase_add_test (tests, a_setting_that_the_property_refuses);
  tcase_add_test (tests, indexed);
  tcase_add_test (tests, bad_indexes);
  tcase_add_loop_test (tests, unknown_keys, 0, N (unknown));
  tcase_add_test (tests, an_unavailable_feature_is_exit_4);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
