"""The REST driver: JSON over HTTP, mapped by configuration, believed only as far as it was checked.

tls, http, pace, client   one source, reached safely: pinned, bounded, paced, no redirects
login, conversation       signed in, and answers as documents
documents, pointers, times, values, templates   what a document says, and what may be said to the source
units, schedule, reading   what is polled, when, and what fresh reads become
heartbeat, source         whether it lives, the supervisor
history, alarms, offering   what was, what is wrong, and whether a source has either
build                     the driver of a ``[[source]]``, able to do what the site allows
outcomes, acknowledging, acting   changing something: the last two are loaded only where the site allows it
problems                  what went wrong, in words
"""

from relay_bridge.agent.drivers.rest.alarms import AlarmPolling
from relay_bridge.agent.drivers.rest.build import make_driver
from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.source import RestDriver
from relay_bridge.agent.drivers.rest.units import RestTag

__all__ = ["AlarmPolling", "RestDriver", "RestTag", "SettingsError", "make_driver"]
