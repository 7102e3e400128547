"""Why a site cannot be reached, in the words that an operator reads. Hosts, ports and codes belong in the log.

A reason travels in English: it is kept with a link that people of several languages look at, and stands in the log and
in the trail. ``reason_words`` says it in the language of whoever reads it.
"""

from __future__ import annotations

from django.utils.translation import gettext as translated
from django.utils.translation import gettext_noop

from relay_bridge.protocol.errors import (
    AuthorizationFailed,
    EndpointNotFound,
    ListenerRejected,
    RelayError,
    RelayUnavailable,
)
from relay_bridge.transport.sessions import HandshakeFailed, SessionClosed
from relay_bridge.transport.streams import StreamClosed

_WORDS: tuple[tuple[type[RelayError], str], ...] = (
    (HandshakeFailed, gettext_noop("whoever answered is not this site's agent")),
    (EndpointNotFound, gettext_noop("the site's agent is not connected")),
    (AuthorizationFailed, gettext_noop("the relay does not accept the web app's key for this site")),
    (ListenerRejected, gettext_noop("the site's agent takes no more sessions just now")),
    (RelayUnavailable, gettext_noop("the relay does not answer")),
    (SessionClosed, gettext_noop("the connection to the site ended")),
    (StreamClosed, gettext_noop("the connection to the site ended")),
)
_OTHERWISE = gettext_noop("the connection to the site failed")
# What is said elsewhere on the way to a site: the gateway, its sessions, the links. Where a cause has a detail in it (a
# method's name, a field), it is for a technician and stays as it was written.
_ELSEWHERE: tuple[str, ...] = (
    gettext_noop("no answer"),
    gettext_noop("its agent does not answer"),
    gettext_noop("no session could be opened in time"),
    gettext_noop("it is switched off, or was never set up"),
    gettext_noop("it was cut off, or was never set up"),
    gettext_noop("its key to the relay may do too much; an administrator must make one that only sends"),
    gettext_noop("the way to the site was changed"),
    gettext_noop("the connection to the site was changed"),
    gettext_noop("the site did not confirm that access ended"),
    gettext_noop("nobody with access to live values watches"),
    gettext_noop("the site sends more history than can be read"),
    gettext_noop("not used for a minute"),
    gettext_noop("closed by this side"),
    gettext_noop("the live connection was closed"),
    gettext_noop("the web app is stopping"),
    gettext_noop("a fault in the web app"),
)
KNOWN = frozenset({words for _, words in _WORDS} | {_OTHERWISE, *_ELSEWHERE})


def reason_for(error: Exception) -> str:
    """A short clause without a full stop, fit for "Site not reachable: ..."."""
    return next((words for kind, words in _WORDS if isinstance(error, kind)), _OTHERWISE)


def reason_words(reason: str) -> str:
    """A reason in the language spoken now; one that is not from the list above is answered as it is."""
    return translated(reason) if reason in KNOWN else reason
