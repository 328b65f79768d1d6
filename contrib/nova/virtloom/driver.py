# SPDX-License-Identifier: LGPL-2.1-or-later
"""A ComputeDriver of Nova that has virtloom make the guests.

Each method is the one of `virtloom driver call` that has its name, see
docs/compute-driver.md; what Nova asks and virtloom has not is in docs/nova.md.
"""

import os
import platform
import sys

import os_traits
from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova.compute import power_state
from nova.compute import task_states
import nova.conf
from nova.console import type as ctype
from nova import exception
from nova.virt import configdrive
from nova.virt import driver
from nova.virt import hardware
from nova.virt.virtloom import images
from nova.virt.virtloom import inventory
from nova.virt.virtloom import program
from nova.virt.virtloom import request

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF
INITIATOR = '/etc/iscsi/initiatorname.iscsi'
# As long as virtloom waits for a guest at most.
LONGEST = 86400


def _call(method, instance, **arguments):
    return program.call(method, instance=instance.uuid, **arguments)


class VirtloomDriver(driver.ComputeDriver):

    capabilities = dict(
        driver.ComputeDriver.capabilities,
        has_imagecache=True,
        supports_attach_interface=True,
        supports_bfv_rescue=True,
        supports_device_tagging=True,
        supports_extend_volume=True,
        supports_image_type_qcow2=True,
        supports_image_type_raw=True,
        supports_migrate_to_same_host=True,
        supports_multiattach=True)

    def __init__(self, virtapi):
        super().__init__(virtapi)
        self._nodes = None

    # The service

    def init_host(self, host):
        found = program.call('init_host')
        LOG.info('virtloom has driver %s', found['driver'])

    def get_available_nodes(self, refresh=False):
        if refresh or not self._nodes:
            self._nodes = program.call('get_available_nodes')
        return list(self._nodes)

    def get_available_resource(self, nodename):
        return inventory.resources(program.call('get_available_resource'))

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        usage = program.call('get_available_resource')
        ratios = self._get_allocation_ratios(
            provider_tree.data(nodename).inventory)
        provider_tree.update_inventory(
            nodename, inventory.inventory(usage, ratios))
        known = set(os_traits.get_traits())
        provider_tree.add_traits(
            nodename, *(trait for trait in usage['traits']
                        if trait in known or trait.startswith('CUSTOM_')))

    def get_host_ip_addr(self):
        return CONF.my_ip

    def get_host_uptime(self):
        minutes = int(program.call('get_host_uptime')) // 60
        return 'up %d days, %d:%02d' % (minutes // 1440, minutes // 60 % 24,
                                        minutes % 60)

    def get_host_cpu_stats(self):
        return program.call('get_host_cpu_stats')

    # What is there

    def list_instances(self):
        return [guest['domain'] for guest in program.call('list_instances')]

    def list_instance_uuids(self):
        return program.call('list_instance_uuids')

    def get_num_instances(self):
        return program.call('get_num_instances')

    def instance_exists(self, instance):
        return _call('instance_exists', instance)

    def instance_on_disk(self, instance):
        return _call('instance_on_disk', instance)

    def get_info(self, instance, use_cache=True):
        info = _call('get_info', instance)
        return hardware.InstanceInfo(state=info['state'],
                                     internal_id=info['internal_id'])

    def get_console_output(self, context, instance):
        return (_call('get_console_output', instance) or '').encode()

    def _console(self, kind, instance, cls, **more):
        where = _call('get_%s_console' % kind, instance)
        if not where.get('port'):
            raise exception.ConsoleTypeUnavailable(console_type=kind)
        more = {name: where.get(key) for name, key in more.items()}
        return cls(host=where['host'], port=where['port'], **more)

    def get_vnc_console(self, context, instance):
        return self._console('vnc', instance, ctype.ConsoleVNC)

    def get_spice_console(self, context, instance):
        return self._console('spice', instance, ctype.ConsoleSpice,
                             tlsPort='tls_port')

    def get_serial_console(self, context, instance):
        return self._console('serial', instance, ctype.ConsoleSerial)

    def get_diagnostics(self, instance):
        return _call('get_diagnostics', instance)

    def get_instance_diagnostics(self, instance):
        return inventory.diagnostics(_call('get_instance_diagnostics',
                                           instance),
                                     configdrive.required_by(instance))

    def block_stats(self, instance, disk_id):
        return _call('block_stats', instance, disk_id=disk_id)

    # Create, destroy

    def _image(self, context, instance, image_meta):
        """What the server's image is called in STATE; None for one that boots
        from a volume.
        """
        if not image_meta.obj_attr_is_set('id') or not instance.image_ref:
            return None
        return images.ensure(context, image_meta.id,
                             {'kernel_id': instance.kernel_id,
                              'ramdisk_id': instance.ramdisk_id})

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        if injected_files or accel_info:
            raise exception.NotSupported(
                'injected files and accelerators are not handed to virtloom')
        drive = configdrive.required_by(instance)
        program.call('spawn', instance=instance.name,
                     request=request.server(
                         instance, self._image(context, instance, image_meta),
                         network_info, block_device_info),
                     admin_password=admin_password if drive else None)
        if not power_on:
            self.power_off(instance)

    def destroy(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, destroy_secrets=True):
        # finish_revert_migration has both guests' disks in its hands.
        if instance.task_state == task_states.RESIZE_REVERTING:
            return
        if not destroy_disks:
            self._let_go(instance)
            return
        try:
            _call('destroy', instance)
        except exception.InstanceNotFound:
            LOG.debug('there is no such server', instance=instance)

    def cleanup(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, migrate_data=None, destroy_vifs=True,
                destroy_secrets=True):
        self.destroy(context, instance, network_info, block_device_info,
                     destroy_disks)

    def _let_go(self, instance):
        """Its disks are another host's now: here it is off, and stays on
        record, since virtloom removes a server with its disks.
        """
        try:
            self.power_off(instance)
            LOG.warning('is off; its record stays in virtloom, since Nova '
                        'keeps its disks', instance=instance)
        except exception.InstanceNotFound:
            pass

    # Power

    def _power(self, method, instance, state, **arguments):
        """One that is in STATE already stays so."""
        try:
            _call(method, instance, **arguments)
        except exception.InstanceInvalidState:
            if self.get_info(instance).state != state:
                raise

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._power('power_off', instance, power_state.SHUTDOWN,
                    timeout=min(int(timeout or 0), LONGEST))

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None):
        self._power('power_on', instance, power_state.RUNNING)

    def reboot(self, context, instance, network_info, reboot_type,
               block_device_info=None, bad_volumes_callback=None,
               accel_info=None):
        _call('reboot', instance, reboot_type=reboot_type)

    def pause(self, instance):
        _call('pause', instance)

    def unpause(self, instance):
        _call('unpause', instance)

    def suspend(self, context, instance):
        _call('suspend', instance)

    def resume(self, context, instance, network_info, block_device_info=None):
        _call('resume', instance)

    def resume_state_on_host_boot(self, context, instance, network_info,
                                  block_device_info=None):
        self._power('resume_state_on_host_boot', instance,
                    power_state.RUNNING)

    def poll_rebooting_instances(self, timeout, instances):
        program.call('poll_rebooting_instances')

    def rescue(self, context, instance, network_info, image_meta,
               rescue_password, block_device_info):
        _call('rescue', instance, image=images.ensure(context, image_meta.id),
              rescue_password=rescue_password
              if configdrive.required_by(instance) else None)

    def unrescue(self, context, instance):
        _call('unrescue', instance)

    def trigger_crash_dump(self, instance):
        _call('trigger_crash_dump', instance)

    def set_admin_password(self, instance, new_pass):
        _call('set_admin_password', instance, new_pass=new_pass)

    # Disks and interfaces

    def get_volume_connector(self, instance):
        """Whom Cinder exports a volume to: QEMU of this host, without a
        session of the host's own.
        """
        connector = {'host': CONF.host, 'ip': CONF.my_block_storage_ip,
                     'multipath': False, 'platform': platform.machine(),
                     'os_type': sys.platform, 'do_local_attach': False}
        if os.access(INITIATOR, os.R_OK):
            with open(INITIATOR) as file:
                for line in file:
                    if line.startswith('InitiatorName='):
                        connector['initiator'] = line[14:].strip()
        return connector

    def attach_volume(self, context, connection_info, instance, mountpoint,
                      disk_bus=None, device_type=None, encryption=None):
        if encryption:
            raise exception.NotSupported('volumes that Nova decrypts')
        _call('attach_volume', instance,
              volume=request.volume(connection_info, disk_bus=disk_bus,
                                    device_type=device_type))

    def detach_volume(self, context, connection_info, instance, mountpoint,
                      encryption=None):
        _call('detach_volume', instance,
              volume=request.volume_id(connection_info))

    def extend_volume(self, context, connection_info, instance,
                      requested_size):
        _call('extend_volume', instance,
              volume=request.volume_id(connection_info))

    def attach_interface(self, context, instance, image_meta, vif):
        _call('attach_interface', instance, vif=request.network(vif))

    def detach_interface(self, context, instance, vif):
        _call('detach_interface', instance, vif=vif['address'])

    # Images

    def snapshot(self, context, instance, image_id, update_task_state):
        name = 'snapshot-%s' % image_id
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        _call('snapshot', instance, image=name)
        try:
            update_task_state(
                task_state=task_states.IMAGE_UPLOADING,
                expected_state=task_states.IMAGE_PENDING_UPLOAD)
            images.upload(context, instance, image_id, name)
        finally:
            images.remove(name)

    def cache_image(self, context, image_id):
        images.ensure(context, image_id)
        return True

    def manage_image_cache(self, context, all_instances):
        program.call('manage_image_cache')
        images.remove_unused()

    # Another flavor, on this host

    def migrate_disk_and_power_off(self, context, instance, dest, flavor,
                                   network_info, block_device_info=None,
                                   timeout=0, retry_interval=0):
        if dest != self.get_host_ip_addr():
            raise exception.InstanceFaultRollback(exception.NotSupported(
                'a server that is off goes to another host by virtloom '
                'server export and import alone'))
        self.power_off(instance, timeout, retry_interval)
        return ''

    def finish_migration(self, context, migration, instance, disk_info,
                         network_info, image_meta, resize_instance,
                         allocations, block_device_info=None, power_on=True):
        flavor = request.flavor(instance.flavor)
        name = flavor['name']
        # A server keeps what its flavor is; virtloom looks it up once.
        with lockutils.lock(name, lock_file_prefix='virtloom-flavor-'):
            words = ['--%s=%s' % (size, flavor[size]) for size in
                     ('vcpus', 'ram', 'disk', 'ephemeral', 'swap')]
            words += ['--property=%s=%s' % pair
                      for pair in sorted(flavor['extra_specs'].items())]
            program.verb('flavor', 'create', name, *words)
            try:
                _call('finish_migration', instance, flavor=name)
            finally:
                program.verb('flavor', 'delete', name)
        if power_on:
            self.resume_state_on_host_boot(context, instance, network_info)

    def confirm_migration(self, context, migration, instance, network_info):
        _call('confirm_migration', instance)

    def finish_revert_migration(self, context, instance, network_info,
                                migration, block_device_info=None,
                                power_on=True):
        _call('finish_revert_migration', instance, timeout=0)
        if power_on:
            self.power_on(context, instance, network_info)

    def check_instance_shared_storage_local(self, context, instance):
        try:
            return _call('check_instance_shared_storage_local', instance)
        except exception.InstanceNotFound:
            return None

    def check_instance_shared_storage_remote(self, context, data):
        return program.call('check_instance_shared_storage_remote',
                            filename=data['filename'])

    def check_instance_shared_storage_cleanup(self, context, data):
        program.call('check_instance_shared_storage_cleanup',
                     filename=data['filename'])
