# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nova's own API, scheduler, conductor, placement and compute manager, by
its functional fixtures, over contrib/nova and a virtloom of this tree.

VL_NOVA_COMMAND is the command, with its options; VL_NOVA_FOLDER a folder for
volumes.  The driver is nova.virt.virtloom, as docs/nova.md puts it there.
"""

import io
import os
import shlex
import subprocess
import time

from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import integrated_helpers
from oslo_serialization import jsonutils
from oslo_utils import uuidutils

# Half seconds that a busy machine may need for anything.
RETRIES = int(os.environ.get('VL_NOVA_RETRIES', 1200))


def virtloom(*words):
    """What the command answers with -o json, beside Nova."""
    command = shlex.split(os.environ['VL_NOVA_COMMAND'])
    out = subprocess.run(command + list(words) + ['-o', 'json'],
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    return jsonutils.loads(out.stdout)


class Glance(nova_fixtures.GlanceFixture):
    """The fixture, which forgets the bytes of a snapshot."""

    def update(self, context, image_id, metadata, data=None,
               purge_props=False):
        if data:
            self._imagedata[image_id] = data.read()
        return super().update(context, image_id, metadata, data, purge_props)


nova_fixtures.GlanceFixture = Glance


class Base(integrated_helpers.ProviderUsageBaseTestCase):

    compute_driver = 'virtloom.VirtloomDriver'

    def setUp(self):
        self.flags(api_paste_config='/usr/share/nova-common/api-paste.ini',
                   group='wsgi')
        self.flags(command=os.environ['VL_NOVA_COMMAND'], group='virtloom')
        self.flags(allow_resize_to_same_host=True)
        self.flags(reserved_host_memory_mb=0, reserved_host_disk_mb=0)
        super().setUp()
        self.cinder = self.useFixture(nova_fixtures.CinderFixture(self))
        self.compute = self._start_compute(host='host1')
        self.driver = self.compute.driver

    def until(self, what, ask):
        """What ASK answers, once that is true."""
        for _ in range(RETRIES):
            answer = ask()
            if answer:
                return answer
            time.sleep(0.5)
        self.fail('never: %s' % what)

    def _wait_for_server_parameter(self, server, expected, max_retries=0,
                                   api=None):
        return super()._wait_for_server_parameter(server, expected, RETRIES,
                                                  api)

    def act(self, server, body, status):
        """The server once the action BODY is over; it has STATUS then."""
        before = len(self.api.get_instance_actions(server['id']))

        def over():
            actions = self.api.get_instance_actions(server['id'])
            if len(actions) == before:
                return False
            details = self.api.get_instance_action_details(
                server['id'], actions[0]['request_id'])
            now = self.api.get_server(server['id'])
            return (details['events'] and all(
                event['finish_time'] for event in details['events'])
                and now['OS-EXT-STS:task_state'] is None
                and now['status'] in (status, 'ERROR') and now)

        self.api.post_server_action(server['id'], body)
        now = self.until(body, over)
        self.assertEqual(status, now['status'], now.get('fault'))
        return now

    def create(self, status='ACTIVE', **more):
        """A new server once it has STATUS, with what MORE says."""
        body = self._build_server(networks='none')
        body.update(more)
        server = self.api.post_server({'server': body})
        now = self.until('it is made', lambda: [
            s for s in [self.api.get_server(server['id'])]
            if s['status'] in ('ACTIVE', 'ERROR')])[0]
        self.assertEqual(status, now['status'], now.get('fault'))
        return now

    def remove(self, server):
        self.api.delete_server(server['id'])
        self.until('it is gone', lambda: server['id'] not in [
            s['id'] for s in self.api.get_servers()])

    def image(self, data, disk_format='raw', **properties):
        """A new image in Glance; its id."""
        return self.glance.create(None, {
            'name': 'guest', 'id': uuidutils.generate_uuid(),
            'status': 'active', 'disk_format': disk_format,
            'container_format': 'bare', 'size': len(data), 'min_ram': 0,
            'min_disk': 0, 'visibility': 'public', 'protected': False,
            'properties': properties}, io.BytesIO(data))['id']

    def volume(self):
        """A volume of 1 GiB in Cinder, which is a file; its id."""
        volume = uuidutils.generate_uuid()
        path = os.path.join(os.environ['VL_NOVA_FOLDER'], volume)
        with open(path, 'wb') as file:
            file.truncate(1 << 30)
        self.cinder.VOLUME_CONNECTION_INFO = dict(
            self.cinder.VOLUME_CONNECTION_INFO, **{volume: {
                'driver_volume_type': 'file',
                'data': {'device_path': path, 'format': 'raw'}}})
        return volume
