# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of the command virtloom, and its refusals as Nova's exceptions."""

import os
import shlex

from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils

from nova import exception

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.register_opts([
    cfg.StrOpt('command', default='virtloom', help='The command, with the '
               'options that each call has, as a shell would read it: "sudo '
               'virtloom --driver libvirt-kvm".')], 'virtloom')


class VirtloomError(exception.NovaException):
    """A refusal for which Nova has no exception of that name."""
    msg_fmt = 'virtloom: %(reason)s'


def _words(*words):
    return shlex.split(CONF.virtloom.command) + [str(word) for word in words]


def _execute(words, **kwargs):
    try:
        return processutils.execute(*words, check_exit_code=False, **kwargs)
    except OSError as e:
        raise VirtloomError(reason='%s: %s' % (words[0], e))


def _exception(findings):
    """The exception that the first error of FINDINGS names."""
    errors = [f for f in findings if f['severity'] == 'error']
    text = '; '.join('%s (%s)' % (f['message'], f['hint']) if f['hint']
                     else f['message'] for f in errors)
    code = errors[0]['code'] if errors else ''
    if code == 'NotImplemented':
        return NotImplementedError(text)
    cls = getattr(exception, code or '', None)
    if isinstance(cls, type) and issubclass(cls, exception.NovaException):
        return cls(text)
    return VirtloomError(reason='%s: %s' % (code, text))


def _answer(words, text):
    """What the command answers to TEXT, which is in no log: it may have
    secrets.  Raises what its errors stand for.
    """
    out, err = _execute(words, process_input=text)
    try:
        answer = jsonutils.loads(out)
    except ValueError:
        raise VirtloomError(reason='no answer of %s: %s' % (words[0], err))
    findings = answer.get('findings', [])
    for finding in findings:
        if finding['severity'] == 'warning':
            LOG.warning('virtloom: %s', finding['message'])
    if any(f['severity'] == 'error' for f in findings):
        raise _exception(findings)
    return answer


def call(method, **arguments):
    """The result of METHOD of `virtloom driver call`; None is not given."""
    given = {k: v for k, v in arguments.items() if v is not None}
    return _answer(_words('driver', 'call', method),
                   jsonutils.dumps(given)).get('result')


def verb(*words):
    """What a verb of the command answers with -o json."""
    return _answer(_words(*words, '-o', 'json'), '')


def verb_into(path, *words):
    """Has a verb write to a new file, which is this process's own, whoever
    the command runs as.
    """
    with open(path, 'xb') as file:
        _, err = _execute(_words(*words),
                          preexec_fn=lambda: os.dup2(file.fileno(), 1))
    if os.path.getsize(path) == 0:
        raise VirtloomError(reason=err)
