/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Migrations: entry N brings a file of version N to N + 1.  Entries are only
 * appended; what once was released is never edited. */

#include <config.h>

#include "server/schema.h"

static const char *const to_1[] = {
  "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",

  "CREATE TABLE flavor (name TEXT PRIMARY KEY, vcpus INTEGER NOT NULL, ram INTEGER NOT NULL,"
  " disk INTEGER NOT NULL, ephemeral INTEGER NOT NULL, swap INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE flavor_property (flavor TEXT NOT NULL REFERENCES flavor (name) ON DELETE CASCADE,"
  " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (flavor, key)) WITHOUT ROWID",

  "CREATE TABLE image (uuid TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, disk_format TEXT NOT NULL,"
  " status TEXT NOT NULL, checksum TEXT NOT NULL, size INTEGER NOT NULL,"
  " virtual_size INTEGER NOT NULL, min_ram INTEGER NOT NULL, min_disk INTEGER NOT NULL)"
  " WITHOUT ROWID",
  "CREATE TABLE image_property (image TEXT NOT NULL REFERENCES image (uuid) ON DELETE CASCADE,"
  " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (image, key)) WITHOUT ROWID",

  "CREATE TABLE server (uuid TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
  " domain TEXT NOT NULL UNIQUE, status TEXT NOT NULL, flavor TEXT NOT NULL, image TEXT,"
  " image_uuid TEXT, driver TEXT NOT NULL, created TEXT NOT NULL, fault TEXT,"
  " request TEXT NOT NULL, xml TEXT NOT NULL, properties TEXT NOT NULL, facts TEXT NOT NULL)"
  " WITHOUT ROWID",
  /* The images whose copies a server needs: the base of its overlay, its kernel
   * and ramdisk.  No foreign key to the image: deleting one is refused in words. */
  "CREATE TABLE server_image (server TEXT NOT NULL REFERENCES server (uuid) ON DELETE CASCADE,"
  " image TEXT NOT NULL, PRIMARY KEY (server, image)) WITHOUT ROWID",
  "CREATE INDEX server_image_image ON server_image (image)",
  "CREATE TABLE claim (server TEXT NOT NULL REFERENCES server (uuid) ON DELETE CASCADE,"
  " resource TEXT NOT NULL, amount INTEGER NOT NULL, plugin TEXT,"
  " PRIMARY KEY (server, resource)) WITHOUT ROWID",
  "CREATE INDEX claim_resource ON claim (resource)",

  /* An operation under way: whoever does it holds the lock of OBJECT. */
  "CREATE TABLE operation (object TEXT PRIMARY KEY, kind TEXT NOT NULL, driver TEXT,"
  " begun TEXT NOT NULL) WITHOUT ROWID",
  /* What it makes: planned before the act, with its identity after it. */
  "CREATE TABLE undo (object TEXT NOT NULL REFERENCES operation (object) ON DELETE CASCADE,"
  " kind TEXT NOT NULL, name TEXT NOT NULL, identity TEXT, PRIMARY KEY (object, kind, name))"
  " WITHOUT ROWID",
  NULL,
};

static const char *const to_2[] = {
  /* What a driver said of this machine, and the stamp of what that rests on. */
  "CREATE TABLE host_facts (driver TEXT PRIMARY KEY, stamp TEXT NOT NULL, facts TEXT NOT NULL)"
  " WITHOUT ROWID",
  NULL,
};

static const char *const *const migrations[] = { to_1, to_2 };
#define SCHEMA_VERSION ((int)(sizeof migrations / sizeof migrations[0]))

int
vl_schema_version (void)
{
  return SCHEMA_VERSION;
}

static int
migrate (struct vl_store *store, int64_t from)
{
  for (int64_t version = from; version < SCHEMA_VERSION; version++)
    for (const char *const *sql = migrations[version]; *sql; sql++)
      if (vl_db_run (store, *sql, "") < 0)
        return -1;
  if (vl_db_run (store, "CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)", "") < 0
      || vl_db_run (store, "DELETE FROM schema", "") < 0)
    return -1;
  return vl_db_run (store, "INSERT INTO schema VALUES (?)", "i", (int64_t)SCHEMA_VERSION);
}

static int64_t
version_of (struct vl_store *store)
{
  if (vl_db_number (store, -1,
                    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema'",
                    "")
      == 0)
    return 0;
  return vl_db_number (store, -1, "SELECT version FROM schema", "");
}

int
vl_schema_update (struct vl_store *store)
{
  int64_t version = version_of (store);
  int result;

  if (version < 0)
    return -1;
  if (version == SCHEMA_VERSION)
    return 0;
  if (version > SCHEMA_VERSION) {
    vl_error (store->call, VL_ERR_FAILED, "StoreTooNew", NULL,
              "\"%s\" was written by a later virtloom (schema %lld; this one knows %d)",
              store->path, (long long)version, SCHEMA_VERSION);
    vl_hint (store->call, "use that virtloom, or another folder with --state");
    return -1;
  }
  if (vl_db_use_wal (store) < 0 || vl_db_begin (store) < 0)
    return -1;
  /* Another command may have been quicker. */
  version = version_of (store);
  result = version < 0 ? -1 : version < SCHEMA_VERSION ? migrate (store, version) : 0;
  return vl_db_finish (store, result);
}
