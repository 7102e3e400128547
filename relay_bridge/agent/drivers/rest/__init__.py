"""The REST driver: JSON over HTTP, mapped by configuration, believed only as far as it was checked.

tls, http, pace, client   one source, reached safely: pinned, bounded, paced, no redirects
login, conversation       signed in, and answers as documents
documents, pointers, times, values, templates   what a document says, and what may be said to the source
fields, units, grouping   where a tag stands in an answer, and which tags are asked for together
schedule, polling, requests   which request is next, and those that are under way
demand                    how much of it is asked for
present, lateness, reading   what is told of watched tags, what waits too long, what fresh reads become
sign_of_life, heartbeat, source   whether it lives, the supervisor
history, alarms, offering   what was, what is wrong, and whether a source has either
build                     the driver of a ``[[source]]``, able to do what the site allows
outcomes, acknowledging, acting   changing something: the last two are loaded only where the site allows it
problems                  what went wrong, in words
"""

from relay_bridge.agent.drivers.rest.alarms import AlarmPolling
from relay_bridge.agent.drivers.rest.build import check_written, make_driver
from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.source import RestDriver
from relay_bridge.agent.drivers.rest.units import RestTag

__all__ = ["AlarmPolling", "RestDriver", "RestTag", "SettingsError", "check_written", "make_driver"]
