# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server's life through Nova's API, on virtloom's driver fake."""

import os
import subprocess

from nova import context
from nova import exception
from nova import objects
from nova.virt.virtloom import program

from base import Base
from base import virtloom


class Life(Base):

    def setUp(self):
        super().setUp()
        self.root = self.image(bytes(1 << 20), hw_rng_model='virtio')

    def shown(self, server):
        return virtloom('server', 'show', server['id'])

    def test_life(self):
        flavor = self._create_flavor(
            memory_mb=128, vcpu=1, disk=1,
            extra_spec={'hw:watchdog_action': 'reset'})
        server = self.create(imageRef=self.root, flavorRef=flavor,
                             metadata={'role': 'web'})
        shown = self.shown(server)
        self.assertEqual('ACTIVE', shown['status'])
        self.assertEqual({'hw:watchdog_action': 'reset'},
                         shown['flavor_properties'])
        self.assertEqual('virtio', shown['image_properties']['hw_rng_model'])
        self.assertEqual({'role': 'web'}, shown['metadata'])
        self.assertIn("<watchdog", shown['xml'])
        for body, status, state in (
                ({'reboot': {'type': 'SOFT'}}, 'ACTIVE', 'ACTIVE'),
                ({'reboot': {'type': 'HARD'}}, 'ACTIVE', 'ACTIVE'),
                ({'pause': None}, 'PAUSED', 'PAUSED'),
                ({'unpause': None}, 'ACTIVE', 'ACTIVE'),
                ({'suspend': None}, 'SUSPENDED', 'SUSPENDED'),
                ({'resume': None}, 'ACTIVE', 'ACTIVE'),
                ({'os-stop': None}, 'SHUTOFF', 'SHUTOFF'),
                ({'os-start': None}, 'ACTIVE', 'ACTIVE'),
                ({'rescue': {}}, 'RESCUE', 'RESCUE'),
                ({'unrescue': None}, 'ACTIVE', 'ACTIVE')):
            self.act(server, body, status)
            self.assertEqual(state, self.shown(server)['status'], body)
        self.remove(server)
        self.assertEqual([], virtloom('server', 'list')['servers'])

    def test_flavors_and_images(self):
        small = self._create_flavor(memory_mb=128, vcpu=1, disk=1)
        large = self._create_flavor(memory_mb=256, vcpu=2, disk=2,
                                    extra_spec={'hw:cpu_sockets': '2'})
        server = self.create(imageRef=self.root, flavorRef=small)
        resize = {'resize': {'flavorRef': large}}
        self.act(server, resize, 'VERIFY_RESIZE')
        shown = self.shown(server)
        self.assertEqual((2, 256), (shown['vcpus'], shown['ram']))
        self.assertEqual(1, self.driver.get_num_instances())
        self.act(server, {'revertResize': None}, 'ACTIVE')
        shown = self.shown(server)
        self.assertEqual(('ACTIVE', 1, 128), (
            shown['status'], shown['vcpus'], shown['ram']))
        self.act(server, resize, 'VERIFY_RESIZE')
        self.act(server, {'confirmResize': None}, 'ACTIVE')
        shown = self.shown(server)
        self.assertEqual(('ACTIVE', 2), (shown['status'], shown['vcpus']))
        self.assertEqual([], virtloom('flavor', 'list')['flavors'])

        snapshot = self.snapshot(server)
        stored = self.glance.show(None, snapshot)
        self.assertEqual(('active', 'qcow2'), (
            stored['status'], stored['disk_format']))
        self.assertEqual(b'QFI\xfb', self.glance._imagedata[snapshot][:4])
        names = [i['name'] for i in virtloom('image', 'list')['images']]
        self.assertEqual(['glance-' + self.root], names)

        other = self.image(bytes(2 << 20), hw_disk_bus='scsi')
        self.act(server, {'rebuild': {'imageRef': other}}, 'ACTIVE')
        shown = self.shown(server)
        self.assertEqual('glance-' + other, shown['image'])
        self.assertEqual('scsi', shown['image_properties']['hw_disk_bus'])
        self.remove(server)

        # An operator's own image is none of Glance's.
        path = os.path.join(os.environ['VL_NOVA_FOLDER'], 'own')
        with open(path, 'wb') as file:
            file.truncate(1 << 20)
        program.verb('image', 'create', 'own', '--file=' + path,
                     '--disk-format=raw')
        self.flags(remove_unused_original_minimum_age_seconds=0,
                   group='image_cache')
        self.driver.manage_image_cache(None, [])
        self.assertEqual(['own'], [
            i['name'] for i in virtloom('image', 'list')['images']])

    def snapshot(self, server):
        """The id of a new image of SERVER."""
        self.act(server, {'createImage': {'name': 'copy'}}, 'ACTIVE')
        return [i for i, image in self.glance.images.items()
                if image['name'] == 'copy'][0]

    def test_devices(self):
        flavor = self._create_flavor(memory_mb=128, vcpu=1, disk=1)
        server = self.create(
            imageRef=self.root, flavorRef=flavor,
            networks=[{'port': self.neutron.port_1['id']}])
        first = self.shown(server)['networks']
        self.assertEqual([self.neutron.port_1['mac_address']],
                         [nic['mac'] for nic in first])

        self.neutron.create_port({'port': self.neutron.port_2})
        self.api.attach_interface(server['id'], {'interfaceAttachment': {
            'port_id': self.neutron.port_2['id']}})
        self.assertEqual(
            [self.neutron.port_1['mac_address'],
             self.neutron.port_2['mac_address']],
            [nic['mac'] for nic in self.shown(server)['networks']])
        self.api.detach_interface(server['id'], self.neutron.port_2['id'])
        self.until('it is detached', lambda: len(
            self.shown(server)['networks']) == 1)

        volume = self.volume()
        self.api.post_server_volume(server['id'], {'volumeAttachment': {
            'volumeId': volume}})
        self.until('it is attached', lambda: [
            disk for disk in self.shown(server)['disks']
            if disk['id'] == 'volume-' + volume])
        self.act(server, {'reboot': {'type': 'HARD'}}, 'ACTIVE')
        self.api.delete_server_volume(server['id'], volume)
        self.until('it is detached', lambda: not [
            disk for disk in self.shown(server)['disks']
            if disk['id'] == 'volume-' + volume])
        self.remove(server)

    def test_disks_stay(self):
        """What Nova keeps the disks of is only powered off, and what would
        go to another host stays as it is.
        """
        server = self.create(
            imageRef=self.root,
            flavorRef=self._create_flavor(memory_mb=128, vcpu=1, disk=1))
        ctx = context.get_admin_context()
        instance = objects.Instance.get_by_uuid(ctx, server['id'],
                                                expected_attrs=['flavor'])
        self.assertRaises(exception.InstanceFaultRollback,
                          self.driver.migrate_disk_and_power_off, ctx,
                          instance, '192.0.2.1', instance.flavor, [])
        before = self.shown(server)
        self.assertEqual('ACTIVE', before['status'])
        self.driver.destroy(ctx, instance, [], destroy_disks=False)
        after = self.shown(server)
        self.assertEqual(('SHUTOFF', before['disks']), (
            after['status'], after['disks']))
        self.assertEqual(instance.name, after['name'])
        self.remove(server)

    def test_refusals(self):
        """What virtloom refuses is Nova's exception of that name, and Nova
        goes on as that one says.
        """
        flavor = self._create_flavor(memory_mb=128, vcpu=1, disk=1)
        path = os.path.join(os.environ['VL_NOVA_FOLDER'], 'large')
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', path,
                        '2G'], check=True)
        with open(path, 'rb') as file:
            large = self.image(file.read(), 'qcow2')
        # Nova gives up at once for FlavorDiskTooSmall and what is one;
        # for any other it looks for another host.
        server = self.create('ERROR', imageRef=large, flavorRef=flavor)
        self.assertRegex(server['fault']['message'],
                         'Build of instance .* aborted: .*2147483648')
        self.assertEqual([], virtloom('server', 'list')['servers'])
        self.remove(server)

        server = self.create(imageRef=self.root, flavorRef=flavor)
        instance = objects.Instance.get_by_uuid(
            context.get_admin_context(), server['id'])
        virtloom('server', 'stop', server['id'])
        error = self.assertRaises(exception.InstanceInvalidState,
                                  self.driver.pause, instance)
        self.assertIn(instance.name, error.format_message())
        self.api.post_server_action(server['id'], {'pause': None})
        event = self.until('it is refused', lambda: [
            event for action in self.api.get_instance_actions(server['id'])
            if action['action'] == 'pause'
            for event in self.api.get_instance_action_details(
                server['id'], action['request_id'])['events']
            if event['finish_time']])[0]
        self.assertEqual('Error', event['result'])
        self.assertIn('pause is for servers that are ACTIVE', event['details'])

        # Nova has no exception of that name.
        error = self.assertRaises(program.VirtloomError, program.verb,
                                  'image', 'delete', 'glance-' + self.root)
        self.assertIn('ImageInUse', error.format_message())

        virtloom('server', 'delete', server['id'])
        self.assertRaises(exception.InstanceNotFound,
                          self.driver.get_info, instance)
        self.assertRaises(exception.ImageNotFound,
                          program.verb, 'image', 'show', 'none')
        # A server that is gone is none to Nova's delete.
        self.remove(server)

        error = self.assertRaises(exception.ValidationError, program.verb,
                                  'flavor', 'create', 'wrong', '--vcpus=1',
                                  '--ram=128', '--property=hw:no_such=1')
        self.assertIn('hw:no_such', error.format_message())
