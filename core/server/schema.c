/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Migrations: entry N brings a file of version N to N + 1.  Entries are only
 * appended; what once was released is never edited. */

#include <config.h>

#include "server/db.h"
#include "server/session.h"

#include "lib/file.h"

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

/* Every server has the role `current`: the document that it runs, and what that
 * was made of.  `pending` is the next one while it is being put in place, `rescue`
 * one of its own.  A server of an earlier schema has no document: its guest is in
 * server.xml, .properties and .facts. */
#define OF_DOCUMENT                                                                                \
  "server TEXT NOT NULL, role TEXT NOT NULL, n INTEGER NOT NULL,"                                  \
  " FOREIGN KEY (server, role) REFERENCES document (server, role)"                                 \
  " ON UPDATE CASCADE ON DELETE CASCADE, PRIMARY KEY (server, role, n)) WITHOUT ROWID"

static const char *const to_3[] = {
  "CREATE TABLE document (server TEXT NOT NULL REFERENCES server (uuid) ON DELETE CASCADE,"
  " role TEXT NOT NULL CHECK (role IN ('current', 'pending', 'rescue')), xml TEXT NOT NULL,"
  " facts TEXT NOT NULL, made TEXT NOT NULL, PRIMARY KEY (server, role)) WITHOUT ROWID",
  /* Elements, attributes and text (KIND 1, 2, 3), in document order. */
  "CREATE TABLE document_part (path TEXT NOT NULL, kind INTEGER NOT NULL, keys TEXT, value TEXT,"
  " device TEXT, owner TEXT NOT NULL, cause TEXT, chain TEXT, guarded INTEGER NOT NULL,"
  " " OF_DOCUMENT,
  /* DEVICE '': of the guest. */
  "CREATE TABLE document_property (name TEXT NOT NULL, device TEXT NOT NULL, type TEXT NOT NULL,"
  " value TEXT NOT NULL, cause TEXT, " OF_DOCUMENT,
  /* ACTS: which of event, network, permit, prepare, release, storage it had, with
   * blanks between. */
  "CREATE TABLE document_feature (plugin TEXT NOT NULL, version TEXT NOT NULL, acts TEXT NOT NULL,"
  " cause TEXT, " OF_DOCUMENT,
  /* LAYER: as enum vl_layer. */
  "CREATE TABLE document_key (layer INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
  " origin TEXT, " OF_DOCUMENT,
  /* Disks and NICs.  ADDRESS: what the hypervisor gave it, NULL until then. */
  "CREATE TABLE device (is_nic INTEGER NOT NULL, id TEXT NOT NULL, place INTEGER, type TEXT,"
  " source TEXT, why TEXT, purpose TEXT, device TEXT, format TEXT, bus TEXT, target TEXT,"
  " size INTEGER, boot INTEGER, serial TEXT, readonly INTEGER, shareable INTEGER, model TEXT,"
  " mac TEXT, vnic_type TEXT, mtu INTEGER, tap TEXT, unit TEXT, address TEXT, plugin "
  "TEXT, " OF_DOCUMENT,
  "CREATE UNIQUE INDEX device_id ON device (server, role, id)",

  /* A claim of an amount has HOLDER '' and no MEMBER; one of a pool has both, and
   * no two servers have one member, but where both share it: the AMOUNT is 0 then.  While a document is pending its server holds
   * the larger of what both roles claim.  HOST: '' this machine, else the driver
   * with a host of its own; NULL: of an earlier schema, where the driver decides. */
  "CREATE TABLE claim_3 (server TEXT NOT NULL REFERENCES server (uuid) ON DELETE CASCADE,"
  " role TEXT NOT NULL, host TEXT, resource TEXT NOT NULL, plugin TEXT NOT NULL,"
  " holder TEXT NOT NULL, member TEXT, amount INTEGER NOT NULL,"
  " PRIMARY KEY (server, role, resource, plugin, holder)) WITHOUT ROWID",
  /* Dedicated CPUs were resources of their own, "PCPU:cpu-3". */
  "INSERT INTO claim_3 SELECT server, 'current', NULL,"
  " iif (resource GLOB 'PCPU:cpu-*', 'PCPU', resource), coalesce (plugin, ''),"
  " iif (resource GLOB 'PCPU:cpu-*', substr (resource, 6), ''),"
  " iif (resource GLOB 'PCPU:cpu-*', substr (resource, 10), NULL), amount FROM claim",
  "DROP TABLE claim",
  "ALTER TABLE claim_3 RENAME TO claim",
  "CREATE INDEX claim_resource ON claim (resource)",
  "CREATE TRIGGER claim_one BEFORE INSERT ON claim WHEN NEW.member IS NOT NULL AND EXISTS"
  " (SELECT 1 FROM claim WHERE resource = NEW.resource AND member = NEW.member"
  " AND host IS NEW.host AND server <> NEW.server AND amount + NEW.amount > 0)"
  " BEGIN SELECT RAISE (ABORT, 'another server holds this member'); END",

  /* What plugins keep for a server, each with the version that wrote it; KEY '': that
   * the plugin has something to release. */
  "CREATE TABLE kept (server TEXT NOT NULL REFERENCES server (uuid) ON DELETE CASCADE,"
  " plugin TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, version TEXT NOT NULL,"
  " PRIMARY KEY (server, plugin, key)) WITHOUT ROWID",
  /* What PLUGIN has not been told yet. */
  "CREATE TABLE event (n INTEGER PRIMARY KEY, server TEXT NOT NULL REFERENCES server (uuid)"
  " ON DELETE CASCADE, plugin TEXT NOT NULL, event INTEGER NOT NULL, at TEXT NOT NULL)",
  /* What was done although plugins had something against it; stays when the server is
   * gone. */
  "CREATE TABLE overruled (server TEXT NOT NULL, name TEXT NOT NULL, what TEXT NOT NULL,"
  " said TEXT NOT NULL, at TEXT NOT NULL)",
  NULL,
};

static const char *const to_4[] = {
  /* What was done to servers by USER, and what happened to them (USER NULL); stays when the
   * server is gone.  ENDED NULL: it is under way. */
  "CREATE TABLE action (n INTEGER PRIMARY KEY, server TEXT NOT NULL, name TEXT NOT NULL,"
  " action TEXT NOT NULL, user TEXT, at TEXT NOT NULL, ended TEXT, result TEXT NOT NULL,"
  " reason TEXT)",
  "CREATE INDEX action_server ON action (server)",
  NULL,
};

static const char *const to_5[] = {
  /* LOCKED: why nothing is done to the server, '' without a reason; NULL: it is not locked. */
  "ALTER TABLE server ADD COLUMN locked TEXT",
  "ALTER TABLE server ADD COLUMN description TEXT",
  NULL,
};

#define USES(name, what, image)                                                                    \
  "CREATE TRIGGER " name " AFTER " what " BEGIN UPDATE image SET used = strftime "                 \
  "('%Y-%m-%dT%H:%M:%SZ') WHERE uuid = " image "; END"

static const char *const to_6[] = {
  /* What a server was before it got another flavor, until that is confirmed: its document and
   * claims are those of role `pending`, since they may come next. */
  "CREATE TABLE resize (server TEXT PRIMARY KEY REFERENCES server (uuid) ON DELETE CASCADE,"
  " request TEXT NOT NULL, flavor TEXT NOT NULL, status TEXT NOT NULL) WITHOUT ROWID",

  /* An image that can be fetched again: where from (without a secret, or NULL), what it is there
   * and the digest that proves it.  USED: when a server began or ceased to use it; NULL: it
   * was never whole, or not by this schema. */
  "ALTER TABLE image ADD COLUMN url TEXT",
  "ALTER TABLE image ADD COLUMN url_format TEXT",
  "ALTER TABLE image ADD COLUMN url_checksum TEXT",
  "ALTER TABLE image ADD COLUMN used TEXT",
  USES ("image_taken", "INSERT ON server_image", "NEW.image"),
  USES ("image_left", "DELETE ON server_image", "OLD.image"),
  USES ("image_copied", "INSERT ON server", "NEW.image_uuid"),
  USES ("image_forgotten", "DELETE ON server", "OLD.image_uuid"),

  /* Which loader the hypervisor chose for the guest when it was started first. */
  "ALTER TABLE server ADD COLUMN loader TEXT",
  NULL,
};

static const char *const to_7[] = {
  /* What stands on its config drive that is not on record: VL_GIVEN_PASSWORD, paths in the guest; each
   * ends with a new line. */
  "ALTER TABLE server ADD COLUMN given TEXT",
  /* The disk or NIC that it is about, or NULL. */
  "ALTER TABLE event ADD COLUMN device TEXT",
  NULL,
};

/* What changes of a server's record makes it one of the next generation, whoever writes it. */
#define GROWS(name, what, uuid)                                                                    \
  "CREATE TRIGGER " name " AFTER " what " BEGIN UPDATE server SET generation = generation + 1 "    \
  "WHERE uuid = " uuid "; END"
#define RECORD(row)                                                                                \
  "(" row ".name, " row ".status, " row ".flavor, " row ".image, " row ".image_uuid, " row         \
  ".driver, " row ".fault, " row ".request, " row ".xml, " row ".properties, " row ".facts, " row  \
  ".locked, " row ".description, " row ".loader, " row ".given)"

static const char *const to_8[] = {
  /* A number that grows with each change of the record, as long as there is the server on any host. */
  "ALTER TABLE server ADD COLUMN generation INTEGER NOT NULL DEFAULT 1",
  /* Which of them lies in the folder of records, NULL: none; below 0: none yet, and the server was taken
   * over with another host's record of that generation. */
  "ALTER TABLE server ADD COLUMN exported INTEGER",
  /* Which one a server had that is gone, so that an older record of it is known; the last 10,000.
   * EXPORTED not NULL: a file of it is to be removed. */
  "CREATE TABLE departed (server TEXT PRIMARY KEY, generation INTEGER NOT NULL, at TEXT NOT NULL,"
  " exported INTEGER) WITHOUT ROWID",
  GROWS ("server_changed", "UPDATE ON server WHEN " RECORD ("OLD") " IS NOT " RECORD ("NEW"),
         "NEW.uuid"),
  GROWS ("document_made", "INSERT ON document", "NEW.server"),
  GROWS ("document_changed", "UPDATE ON document", "NEW.server"),
  GROWS ("document_gone", "DELETE ON document", "OLD.server"),
  GROWS ("device_changed", "UPDATE OF address ON device WHEN OLD.address IS NOT NEW.address",
         "NEW.server"),
  GROWS ("kept_made", "INSERT ON kept", "NEW.server"),
  GROWS ("kept_changed", "UPDATE ON kept", "NEW.server"),
  GROWS ("kept_gone", "DELETE ON kept", "OLD.server"),
  GROWS ("resize_made", "INSERT ON resize", "NEW.server"),
  GROWS ("resize_gone", "DELETE ON resize", "OLD.server"),
  /* One that is being taken over from another host has a generation below 0, and leaves none. */
  "CREATE TRIGGER server_departed AFTER DELETE ON server WHEN OLD.generation > 0 BEGIN"
  " INSERT OR REPLACE INTO departed VALUES (OLD.uuid, OLD.generation,"
  " strftime ('%Y-%m-%dT%H:%M:%SZ'), OLD.exported);"
  " DELETE FROM departed WHERE server IN (SELECT server FROM departed ORDER BY at DESC, server"
  " LIMIT -1 OFFSET 10000); END",
  "CREATE TRIGGER server_returned AFTER INSERT ON server WHEN NEW.generation > 0 AND EXISTS"
  " (SELECT 1 FROM departed WHERE server = NEW.uuid AND generation >= NEW.generation) BEGIN UPDATE "
  "server SET generation ="
  " (SELECT generation + 1 FROM departed WHERE server = NEW.uuid) WHERE uuid = NEW.uuid; END",
  NULL,
};

static const char *const *const migrations[] = { to_1, to_2, to_3, to_4, to_5, to_6, to_7, to_8 };
#define SCHEMA_VERSION ((int)(sizeof migrations / sizeof migrations[0]))

static int
migrate (struct vl_store *store, int64_t from)
{
  for (int64_t version = from; version < SCHEMA_VERSION; version++)
    if (vl_db_run_all (store, migrations[version], NULL) < 0)
      return -1;
  if (vl_db_run (store, "CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)", "") < 0
      || vl_db_run (store, "DELETE FROM schema", "") < 0)
    return -1;
  return vl_db_run (store, "INSERT INTO schema VALUES (?)", "i", (int64_t)SCHEMA_VERSION);
}

/* 0 for a new file; -1 after a finding. */
static int64_t
version_of (struct vl_store *store)
{
  int64_t tables = 0, version = 0;

  if (vl_db_number (store, &tables,
                    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema'",
                    "")
      < 0)
    return -1;
  if (tables == 0)
    return 0;
  if (vl_db_number (store, &version, "SELECT version FROM schema", "") < 0)
    return -1;
  if (version > 0)
    return version;
  return vl_refuse_as (
      store->call, VL_ERR_FAILED, "StoreDamaged", NULL,
      "put a copy of the file back, or use another folder with --state",
      "\"%s\" is damaged: its table \"schema\" does not say of which version it is", store->path);
}

int
vl_schema_of (struct vl_store *store)
{
  int64_t version = version_of (store);

  if (version <= SCHEMA_VERSION)
    return (int)version;
  return vl_refuse_as (store->call, VL_ERR_FAILED, "StoreTooNew", NULL,
                       "use that virtloom, or another folder with --state",
                       "\"%s\" was written by a later virtloom (schema %lld; this one knows %d)",
                       store->path, (long long)version, SCHEMA_VERSION);
}

int
vl_schema_update (struct vl_store *store)
{
  VL_AUTOFREE char *state = vl_file_folder (store->path);
  int version = vl_schema_of (store), result;

  if (version < 0 || version == SCHEMA_VERSION)
    return version < 0 ? -1 : 0;
  if (version == 0 && ! store->anew && vl_state_lost (store->call, store->path) < 0)
    return -1;
  if (version > 0
      && vl_store_copy (store, vl_printf (store->call, "%s/backup/schema-%d.db", state, version))
             < 0)
    return -1;
  if (vl_db_use_wal (store) < 0 || vl_db_begin (store) < 0)
    return -1;
  /* Another command may have been quicker. */
  version = vl_schema_of (store);
  result = version < 0 ? -1 : version < SCHEMA_VERSION ? migrate (store, version) : 0;
  return vl_db_finish (store, result);
}
