# SPDX-License-Identifier: LGPL-2.1-or-later
"""virtloom as a ComputeDriver of Nova: compute_driver = virtloom.VirtloomDriver"""

from nova.virt.virtloom.driver import VirtloomDriver

__all__ = ['VirtloomDriver']
