# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nova's objects as a request file of virtloom has them."""

import base64

from oslo_serialization import jsonutils

from nova import exception
from nova.virt import configdrive
from nova.virt import driver

# What Cinder's connection_info has for Nova itself.
BOOKKEEPING = ('attached_at', 'detached_at', 'attachment_id', 'instance',
               'status', 'connector', 'enforce_multipath')


def flavor(flavor):
    return {'name': flavor.name, 'vcpus': flavor.vcpus,
            'ram': flavor.memory_mb, 'disk': flavor.root_gb,
            'ephemeral': flavor.ephemeral_gb, 'swap': flavor.swap,
            'extra_specs': dict(flavor.extra_specs or {})}


def network(vif):
    """A VIF object as it is."""
    return jsonutils.to_primitive(vif)


def volume_id(connection_info):
    found = (connection_info.get('serial') or connection_info.get('volume_id')
             or connection_info.get('data', {}).get('volume_id'))
    if not found:
        raise exception.InvalidBDM('connection_info names no volume')
    return found


def volume(connection_info, **more):
    """A volume; what MORE has for None is left to virtloom."""
    info = {k: v for k, v in connection_info.items()
            if k not in BOOKKEEPING}
    item = {'source_type': 'volume', 'destination_type': 'volume',
            'uuid': volume_id(connection_info), 'connection_info': info}
    item.update({k: v for k, v in more.items() if v is not None})
    return item


def _volumes(block_device_info):
    for bdm in driver.block_device_info_get_mapping(block_device_info):
        if bdm.get('encrypted'):
            raise exception.NotSupported('volumes that Nova decrypts')
        yield volume(bdm['connection_info'],
                     boot_index=bdm.get('boot_index'),
                     disk_bus=bdm.get('disk_bus'),
                     device_type=bdm.get('device_type'))


def _told(instance):
    """What a guest is told by its config drive; one that has none asks
    Nova's metadata service.
    """
    told = {'config_drive': True, 'hostname': instance.hostname}
    if instance.user_data:
        try:
            told['user_data'] = base64.b64decode(instance.user_data).decode()
        except ValueError:
            raise exception.InstanceUserDataMalformed()
    if instance.key_data:
        told['public_keys'] = {instance.key_name: instance.key_data}
    return told


def server(instance, image, network_info, block_device_info):
    """The request of INSTANCE, whose IMAGE, or None, is one of STATE."""
    request = {
        'name': instance.name, 'uuid': instance.uuid,
        'flavor': flavor(instance.flavor),
        'networks': [network(vif) for vif in network_info or ()],
        'block_devices': list(_volumes(block_device_info)),
        'metadata': dict(instance.metadata or {})}
    if image:
        request['image'] = {'name': image}
    if configdrive.required_by(instance):
        request.update(_told(instance))
    return request
