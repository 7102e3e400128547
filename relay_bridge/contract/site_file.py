"""site.toml as a new site gets it, from provisioning and from enrolment alike: who it is, how it reaches the relay,
whom it trusts. Sources are added by hand."""

from __future__ import annotations

import json

# Paths in site.toml are relative to it; these are the files beside it.
LISTEN_SECRET = "secrets/relay-listen"  # noqa: S105 - a file's name
AGENT_KEY = "secrets/agent.key.pem"
AGENT_CERT = "trust/agent.cert.pem"
WEB_APP_PIN = "trust/web-app.cert.pem"
TOKEN_KEYS = "trust/issuer.jwks.json"  # noqa: S105 - a file's name


def write_site_file(*, slug: str, name: str, time_zone: str, issuer: str, audience: str) -> str:
    """The text of site.toml. It holds no secret: those are files of mode 0600 beside it."""
    return f"""\
# Sightline agent of {_comment(name)}. Check it with: sightline-site check --config site.toml

[site]
id = {_text(slug)}
name = {_text(name)}
time_zone = {_text(time_zone)}
allow_writes = false
allow_ack = false

[relay]
connection_string = "file:{LISTEN_SECRET}"

[trust]
issuer = {_text(issuer)}
audience = {_text(audience)}
token_keys = "{TOKEN_KEYS}"
web_app_pin = "{WEB_APP_PIN}"
agent_cert = "{AGENT_CERT}"
agent_key = "{AGENT_KEY}"

# Add below where the values come from (the process server) and which of them may be seen, for example:
#
# [[source]]
# id = "main"
# kind = "opcua"
# url = "opc.tcp://192.0.2.10:4840"
# security = "Basic256Sha256/SignAndEncrypt"
# server_cert = "trust/server.der"
# client_cert = "trust/client.der"
# client_key = "secrets/client.key.pem"
#
# [[tank]]
# id = "TK-101"
# source = "main"
# area = "North farm"
# prefix = "nsu=urn:example:tank-farm;s=TK-101."
# map = {{ level = "Level", temp_avg = "AvgTemp", tov = "TOV", flow = "Flow" }}
# limits = {{ ll = 0.5, l = 1.0, h = 13.0, hh = 14.0 }}
"""


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's, and DEL is the one that TOML wants besides."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    return "".join(character for character in value if character.isprintable())
