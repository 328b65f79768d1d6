/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * image-signature: verifies what images say of their signature, with certificates that the
 * operator has put on the host, before a disk is made from them. */

#include <config.h>

#include <virtloom/ascii.h>
#include <virtloom/feature.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const hashes[] = { "SHA-224", "SHA-256", "SHA-384", "SHA-512", NULL };
static const char *const key_types[] = { "RSA-PSS",       "DSA",           "ECC_SECT571K1",
                                         "ECC_SECT409K1", "ECC_SECT571R1", "ECC_SECT409R1",
                                         "ECC_SECP521R1", "ECC_SECP384R1", NULL };

/* What an image says of its signature; all of them, or none. */
enum { SIGNATURE, HASH, KEY_TYPE, CERTIFICATE, N_KEYS };
static const char *const keys[N_KEYS] = { "img_signature", "img_signature_hash_method",
                                          "img_signature_key_type",
                                          "img_signature_certificate_uuid" };
static const char *const names[N_KEYS] = { "signature", "hash", "key-type", "certificate" };

static const struct vl_prop props[] = {
  { .name = "signature",
    .type = VL_STRING,
    .image_key = "img_signature",
    .help = "signature of the image's bytes, in base64",
    .since = "0.1.0" },
  { .name = "hash",
    .type = VL_CHOICE,
    .choices = hashes,
    .image_key = "img_signature_hash_method",
    .help = "how the bytes were hashed for it",
    .since = "0.1.0" },
  { .name = "key-type",
    .type = VL_CHOICE,
    .choices = key_types,
    .image_key = "img_signature_key_type",
    .help = "of what kind the key is that signed",
    .since = "0.1.0" },
  { .name = "certificate",
    .type = VL_STRING,
    .image_key = "img_signature_certificate_uuid",
    .help = "uuid of the certificate of that key",
    .since = "0.1.0" },
  { .name = "verify",
    .type = VL_BOOL,
    .setting = "verify_glance_signatures",
    .nova = "glance.verify_glance_signatures",
    .help = "yes: only signed images are used; no: signatures are not verified; unset: where an "
            "image has one it is verified",
    .since = "0.1.0" },
  { .name = "folder",
    .type = VL_STRING,
    .setting = "certificates",
    .deflt = "/etc/virtloom/certificates",
    .help = "folder with the certificates UUID.pem that images may be signed with",
    .since = "0.1.0" },
};

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK } };

/* The certificate is the operator's; what is signed is a tenant's. */
static const struct vl_tool_row tools[] = {
  { .name = "openssl",
    .program = "openssl",
    .package = "openssl",
    .help = "reads certificates and verifies signatures of images",
    .flags = VL_TOOL_TENANT },
};

/* Which of the keys are missing, as words; "" if none, NULL if all are. */
static const char *
missing (struct vl_call *c, const char *const *values)
{
  const char *text = "";
  size_t n = 0;

  for (size_t i = 0; i < N_KEYS; i++)
    if (values[i] == NULL || *values[i] == '\0') {
      text = vl_printf (c, "%s%s%s", text, n ? ", " : "", keys[i]);
      n++;
    }
  return n == N_KEYS ? NULL : text;
}

static int
refuse (struct vl_call *c, const char *prop, const char *hint, const char *problem)
{
  return vl_refuse_as (c, VL_ERR_REQUEST, "SignatureVerificationError", prop, hint,
                       "the signature of the image cannot be verified: %s", problem);
}

/* Refuses an image whose property KEY is none of CHOICES. */
static int
judge_choice (struct vl_call *c, const char *key, const char *value, const char *const *choices)
{
  size_t n = 0;

  for (; choices[n]; n++)
    if (strcmp (choices[n], value) == 0)
      return 0;
  return refuse (c, NULL, vl_printf (c, "accepted: %s", vl_join (c, " ", choices, n)),
                 vl_printf (c, "%s is '%s'", key, value));
}

/* Are VALUES, of which LACKING are missing, whole and well-formed?  OF_GUEST: they are what own rows
 * say, not an image's properties as somebody has set them.  0, or -1 after a finding. */
static int
judge (struct vl_call *c, const char *const *values, const char *lacking, int of_guest)
{
  if (*lacking)
    return refuse (c, of_guest ? names[SIGNATURE] : NULL,
                   vl_printf (c, "an image that is signed has all of %s, %s, %s and %s", keys[0],
                              keys[1], keys[2], keys[3]),
                   vl_printf (c, "it lacks %s", lacking));
  if (! vl_is_uuid (values[CERTIFICATE]))
    return refuse (c, of_guest ? names[CERTIFICATE] : NULL,
                   "it is the uuid that the certificate's file is named by, UUID.pem",
                   vl_printf (c, "%s '%s' is no uuid", keys[CERTIFICATE], values[CERTIFICATE]));
  if (of_guest)
    return 0;
  return judge_choice (c, keys[HASH], values[HASH], hashes) < 0
                 || judge_choice (c, keys[KEY_TYPE], values[KEY_TYPE], key_types) < 0
             ? -1
             : 0;
}

/* ---- the plan ---- */

static int
has_root_of_image (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_disks (c); i++)
    if (strcmp (vl_disk (c, i)->role, "root") == 0)
      return 1;
  return 0;
}

static int
validate (struct vl_call *c)
{
  const char *values[N_KEYS], *lacking;
  int off = vl_has (c, "verify") && ! vl_bool (c, "verify");

  for (size_t i = 0; i < N_KEYS; i++)
    values[i] = vl_str (c, names[i]);
  lacking = missing (c, values);
  if (lacking && off) {
    vl_warn (c, names[SIGNATURE],
             "take verify_glance_signatures = no out of plugins.d/image-signature.conf to have it "
             "verified",
             "the signature of the image is not verified: verify_glance_signatures is off");
    return 0;
  }
  if (lacking)
    return judge (c, values, lacking, 1);
  if (vl_bool (c, "verify") && has_root_of_image (c))
    vl_warn (c, "verify",
             "give the image its signature: img_signature and the three properties beside it",
             "no server is made from this image: it is not signed, and verify_glance_signatures "
             "is on");
  return 0;
}

static int
active (struct vl_call *c)
{
  for (size_t i = 0; i < N_KEYS; i++)
    if (vl_has (c, names[i]))
      return 1;
  return vl_bool (c, "verify");
}

static int
ready (struct vl_call *c)
{
  if (*vl_str (c, "folder") == '/')
    return 0;
  return vl_refuse (c, VL_ERR_UNSUPPORTED, "folder", "say where it is from the root on",
                    "the folder of certificates is '%s'; accepted: an absolute path",
                    vl_str (c, "folder"));
}

/* ---- the image ---- */

/* Opens the certificate; -1 after a finding. */
static int
open_certificate (struct vl_call *c, const char *uuid, const char **path)
{
  struct stat st;
  int fd;

  *path = vl_printf (c, "%s/%s.pem", vl_str (c, "folder"), uuid);
  fd = open (*path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    refuse (c, NULL,
            "put the certificate there, in PEM; the setting 'certificates' of "
            "plugins.d/image-signature.conf says where they are",
            vl_printf (c, "cannot open its certificate \"%s\": %s", *path, strerror (errno)));
    return -1;
  }
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && (st.st_mode & 022) == 0
      && (st.st_uid == 0 || st.st_uid == geteuid ()))
    return fd;
  close (fd);
  refuse (c, NULL, "give it to root, with mode 0644",
          vl_printf (c, "\"%s\" is not a file that only root may write", *path));
  return -1;
}

/* Runs openssl.  The memory of what it says is the call's. */
static int
run (struct vl_call *c, const char *const *args, const struct vl_tool_file *files, uint32_t n_files,
     const void *input, size_t length, uint32_t deadline, struct vl_tool_result *result)
{
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "openssl",
                                .args = args,
                                .files = { files, n_files, sizeof *files },
                                .input = input,
                                .input_length = length,
                                .deadline = deadline,
                                .quiet = 1 };

  *result = (struct vl_tool_result) { .size = sizeof *result };
  return vl_tool_run (c, &tool, result);
}

/* Does the certificate, as openssl tells its contents, have a key of TYPE? */
static int
is_of_type (struct vl_call *c, const char *contents, const char *type)
{
  char curve[16] = "";

  if (strcmp (type, "RSA-PSS") == 0)
    return strstr (contents, "Public Key Algorithm: rsa") != NULL;
  if (strcmp (type, "DSA") == 0)
    return strstr (contents, "Public Key Algorithm: dsa") != NULL;
  for (size_t i = 0; i + 1 < sizeof curve && type[4 + i]; i++)
    curve[i] = vl_ascii_lower (type[4 + i]);
  return strstr (contents, vl_printf (c, "ASN1 OID: %s\n", curve)) != NULL;
}

/* Can the certificate, which is open as FILE, prove signatures of kind TYPE?  0, or -1 after a
 * finding. */
static int
judge_certificate (struct vl_call *c, const struct vl_tool_file *file, const char *type)
{
  /* Without the names in it, which may say anything. */
  static const char *const args[] = {
    "x509",   "-in",       VL_TOOL_FILE_0,
    "-noout", "-checkend", "0",
    "-text",  "-certopt",  "no_subject,no_issuer,no_extensions,no_sigdump,no_serial",
    NULL
  };
  struct vl_tool_result result;
  int failed = run (c, args, file, 1, NULL, 0, 0, &result);

  if (failed && strstr (result.out, "will expire"))
    return refuse (c, NULL, "have the image signed anew, or its certificate renewed",
                   vl_printf (c, "its certificate \"%s\" has expired", file->path));
  if (failed)
    return refuse (c, NULL, "it has to be an X.509 certificate in PEM",
                   vl_printf (c, "openssl cannot read its certificate \"%s\": %s", file->path,
                              *result.said ? result.said : result.problem));
  if (! is_of_type (c, result.out, type))
    return refuse (
        c, NULL, vl_printf (c, "correct %s, or %s", keys[KEY_TYPE], keys[CERTIFICATE]),
        vl_printf (c, "the key of certificate \"%s\" is not of the kind %s", file->path, type));
  return 0;
}

/* FILES: the certificate, the image. */
static int
verify (struct vl_call *c, const struct vl_image *image, const char *const *values,
        const struct vl_tool_file *files)
{
  /* Hashing takes a second for some hundred megabytes; a slow disk is given more. */
  uint32_t deadline = 60000 + (uint32_t)(image->bytes / 10000);
  const char *hash = vl_printf (c, "sha%s", values[HASH] + strlen ("SHA-"));
  /* The signature comes by standard input: a file without a name cannot be let through Landlock. */
  const char *const args[] = { "pkeyutl",
                               "-verify",
                               "-certin",
                               "-inkey",
                               VL_TOOL_FILE_0,
                               "-rawin",
                               "-digest",
                               hash,
                               "-in",
                               VL_TOOL_FILE_1,
                               "-sigfile",
                               "/proc/self/fd/0",
                               strcmp (values[KEY_TYPE], "RSA-PSS") == 0 ? "-pkeyopt" : NULL,
                               "rsa_padding_mode:pss",
                               NULL };
  static const char *const decode[] = { "base64", "-d", "-A", NULL };
  struct vl_tool_result signature, result;

  if (run (c, decode, NULL, 0, values[SIGNATURE], strlen (values[SIGNATURE]), 0, &signature) < 0
      || signature.length == 0)
    return refuse (c, NULL, "it is the signature's bytes in base64, in one line",
                   vl_printf (c, "%s is not base64", keys[SIGNATURE]));
  if (run (c, args, files, 2, signature.out, signature.length, deadline, &result) == 0)
    return 0;
  if (result.end == VL_TOOL_EXITED)
    return vl_refuse_as (c, VL_ERR_REQUEST, "SignatureVerificationError", NULL,
                         "fetch the image again from who signed it; no server is made from this "
                         "one",
                         "image \"%s\" is not what was signed: its bytes and img_signature do not "
                         "fit together",
                         image->name);
  return refuse (c, NULL, "see to it that openssl can run; 'virtloom host check' tells more",
                 vl_printf (c, "openssl: %s", result.problem));
}

static int
verify_with (struct vl_call *c, const struct vl_image *image, const char *const *values)
{
  struct vl_tool_file files[2] = { { .fd = -1 }, { .path = image->path, .fd = -1 } };
  int result;

  files[0].fd = open_certificate (c, values[CERTIFICATE], &files[0].path);
  if (files[0].fd < 0)
    return -1;
  result = judge_certificate (c, files, values[KEY_TYPE]);
  if (result == 0)
    result = verify (c, image, values, files);
  close (files[0].fd);
  return result;
}

/* What STATE says is judged anew: it may be damaged. */
static int
judge_image (struct vl_call *c, const struct vl_image *image)
{
  const char *values[N_KEYS] = { NULL }, *lacking;

  for (size_t i = 0; i < image->n_properties; i++)
    for (size_t k = 0; k < N_KEYS; k++)
      if (strcmp (image->properties[i].key, keys[k]) == 0)
        values[k] = image->properties[i].value;
  lacking = missing (c, values);
  if (vl_has (c, "verify") && ! vl_bool (c, "verify"))
    return 0;
  /* Who brings an image may say later how it is signed. */
  if (lacking == NULL && (image->comes || ! vl_bool (c, "verify")))
    return 0;
  if (lacking == NULL)
    return vl_refuse_as (c, VL_ERR_REQUEST, "SignatureVerificationError", NULL,
                         "give it its signature: img_signature and the three properties beside it",
                         "image \"%s\" is not signed, and verify_glance_signatures is on",
                         image->name);
  if (judge (c, values, lacking, 0) < 0)
    return -1;
  if (image->given_as)
    return refuse (c, NULL, "convert it to qcow2 or raw, and have that signed",
                   vl_printf (c, "it is given as %s, and kept converted", image->given_as));
  if (image->path == NULL)
    return refuse (
        c, NULL, "import it from a file, or put disks elsewhere (images_type)",
        vl_printf (c, "the bytes of \"%s\" stay in their store, and are not read", image->name));
  if (! vl_tool_there (c, "openssl"))
    return refuse (c, NULL, "apt-get install openssl", "the program openssl is not there");
  return verify_with (c, image, values);
}

VL_FEATURE (image_signature, "image-signature", .version = VL_VERSION,
            .summary = "signatures of images, verified before they are used",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .tools = VL_TABLE (tools),
            .ready = ready, .active = active, .validate = validate, .judge_image = judge_image);
