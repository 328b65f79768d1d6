# SPDX-License-Identifier: LGPL-2.1-or-later
"""Glance's images in virtloom's STATE, and snapshots in Glance.

An image is called PREFIX and its id in Glance, so that those of an operator
are never taken for one.  Its bytes never change in Glance, its properties do.
"""

import os
import tempfile

from oslo_concurrency import lockutils
from oslo_log import log as logging
from oslo_utils import timeutils

import nova.conf
from nova import exception
from nova.image import glance
from nova.virt.virtloom import program

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF
API = glance.API()
PREFIX = 'glance-'
# Those of Glance's that name other images, which a server's own fields say.
COMPANIONS = ('kernel_id', 'ramdisk_id')


def _stored(name):
    try:
        return program.verb('image', 'show', name)
    except exception.ImageNotFound:
        return None


def _pairs(properties):
    return ['--property=%s=%s' % pair for pair in sorted(properties.items())]


def _create(context, name, meta, properties):
    with tempfile.TemporaryDirectory(dir=CONF.tempdir) as folder:
        path = os.path.join(folder, 'image')
        API.download(context, meta['id'], dest_path=path)
        words = ['--min-ram=%d' % (meta.get('min_ram') or 0),
                 '--min-disk=%d' % (meta.get('min_disk') or 0)]
        algorithm = meta.get('os_hash_algo')
        if algorithm in ('sha256', 'sha512') and meta.get('os_hash_value'):
            words.append('--checksum=%s:%s' % (algorithm,
                                               meta['os_hash_value']))
        program.verb('image', 'create', name, '--file=' + path,
                     '--disk-format=%s' % meta['disk_format'], *words,
                     *_pairs(properties))


def _update(name, was, properties):
    gone = sorted(set(was) - set(properties))
    new = {k: v for k, v in properties.items() if was.get(k) != v}
    if gone:
        program.verb('image', 'unset', name,
                     *['--property=%s' % key for key in gone])
    if new:
        program.verb('image', 'set', name, *_pairs(new))


def ensure(context, image_id, companions=None):
    """Has Glance's image IMAGE_ID in STATE, with the properties of today and
    COMPANIONS, a dict of what COMPANIONS name; answers what it is called there.
    """
    name = PREFIX + str(image_id)
    meta = API.get(context, image_id)
    properties = {k: str(v) for k, v in (meta.get('properties') or {}).items()
                  if v is not None and k not in COMPANIONS}
    for key, other in (companions or {}).items():
        if other:
            properties[key] = ensure(context, other)
    with lockutils.lock(name, lock_file_prefix='virtloom-'):
        stored = _stored(name)
        if stored:
            _update(name, stored['properties'], properties)
        else:
            _create(context, name, meta, properties)
    return name


def upload(context, instance, image_id, name):
    """Gives Glance's image IMAGE_ID the bytes of image NAME of STATE."""
    stored = program.verb('image', 'show', name)
    properties = {'image_location': 'snapshot', 'image_state': 'available',
                  'owner_id': instance.project_id,
                  'kernel_id': instance.kernel_id,
                  'ramdisk_id': instance.ramdisk_id}
    if instance.os_type:
        properties['os_type'] = instance.os_type
    meta = {'status': 'active', 'name': API.get(context, image_id)['name'],
            'disk_format': stored['disk_format'], 'container_format': 'bare',
            'properties': properties}
    with tempfile.TemporaryDirectory(dir=CONF.tempdir) as folder:
        path = os.path.join(folder, 'image')
        program.verb_into(path, 'image', 'save', name, '--file=-')
        with open(path, 'rb') as file:
            API.update(context, image_id, meta, file, purge_props=False)


def remove(name):
    try:
        program.verb('image', 'delete', name)
    except exception.ImageNotFound:
        pass


def remove_unused():
    """Removes those of Glance's that no server has used for as long as
    [image_cache] says; virtloom refuses it of one that is used.
    """
    age = CONF.image_cache.remove_unused_original_minimum_age_seconds
    if not CONF.image_cache.remove_unused_base_images:
        return
    for image in program.verb('image', 'list')['images']:
        if not image['name'].startswith(PREFIX):
            continue
        shown = program.verb('image', 'show', image['name'])
        used = shown.get('used')
        if shown['servers'] or shown['images'] or (
                used and not timeutils.is_older_than(
                    timeutils.parse_isotime(used), age)):
            continue
        LOG.info('image %s is used by no server; removed', image['name'])
        remove(image['name'])
