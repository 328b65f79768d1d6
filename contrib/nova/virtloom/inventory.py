# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the host is, as Nova's tracker and the placement service have it."""

import math
import os_resource_classes as orc
from oslo_serialization import jsonutils

import nova.conf
from nova import objects
from nova.virt import hardware

CONF = nova.conf.CONF


def _cell(cell):
    return objects.NUMACell(
        id=cell['id'], cpuset=hardware.parse_cpu_spec(cell['cpuset']),
        pcpuset=set(), memory=cell['memory'], cpu_usage=0, memory_usage=0,
        pinned_cpus=set(), socket=None,
        siblings=[hardware.parse_cpu_spec(s) for s in cell['siblings']],
        mempages=[objects.NUMAPagesTopology(size_kb=page['size_kb'],
                                            total=page['total'], used=0)
                  for page in cell['mempages']],
        network_metadata=objects.NetworkMetadata(physnets=set(),
                                                 tunneled=False))


def _cells(cells):
    """None where the host does not say all of it."""
    known = cells and all(
        None not in (cell['id'], cell['cpuset'], cell['memory'])
        for cell in cells)
    return objects.NUMATopology(
        cells=[_cell(cell) for cell in cells])._to_json() if known else None


def resources(usage):
    """USAGE of get_available_resource as Nova's tracker takes it."""
    numbers = ('vcpus', 'vcpus_used', 'memory_mb', 'memory_mb_used',
               'local_gb', 'local_gb_used', 'hypervisor_version')
    found = {name: usage[name] or 0 for name in numbers}
    found.update(
        hypervisor_type=usage['hypervisor_type'],
        hypervisor_hostname=usage['hypervisor_hostname'],
        disk_available_least=usage['disk_available_least'],
        cpu_info=jsonutils.dumps(usage['cpu_info']),
        supported_instances=[tuple(i) for i in usage['supported_instances']],
        numa_topology=_cells(usage['numa_topology']))
    return found


def inventory(usage, ratios):
    """USAGE as the placement service takes it, with allocation RATIOS."""
    wanted = (
        (orc.VCPU, usage['vcpus'], CONF.reserved_host_cpus),
        (orc.MEMORY_MB, usage['memory_mb'], CONF.reserved_host_memory_mb),
        (orc.DISK_GB, usage['local_gb'],
         math.ceil(CONF.reserved_host_disk_mb / 1024)))
    return {name: {'total': total, 'min_unit': 1, 'max_unit': total,
                   'step_size': 1, 'allocation_ratio': ratios[name],
                   'reserved': reserved}
            for name, total, reserved in wanted if total}


def diagnostics(found, config_drive):
    """What get_instance_diagnostics answers, as Nova's object."""
    shown = objects.Diagnostics(
        state=found['state'], driver='libvirt', hypervisor='virtloom',
        config_drive=config_drive, num_cpus=0, num_nics=0, num_disks=0,
        uptime=found.get('uptime'))
    memory = found.get('memory_details') or {}
    shown.memory_details = objects.MemoryDiagnostics(
        maximum=memory.get('maximum'), used=memory.get('used'))
    for cpu in found.get('cpu_details', ()):
        shown.add_cpu(id=cpu.get('id'), time=cpu.get('time'))
    counted = {
        'nic_details': (shown.add_nic, (
            'mac_address', 'rx_octets', 'rx_errors', 'rx_drop', 'rx_packets',
            'tx_octets', 'tx_errors', 'tx_drop', 'tx_packets')),
        'disk_details': (shown.add_disk, (
            'read_bytes', 'read_requests', 'write_bytes', 'write_requests',
            'errors_count'))}
    for part, (add, names) in counted.items():
        for device in found.get(part, ()):
            add(**{name: device.get(name) for name in names})
    return shown
