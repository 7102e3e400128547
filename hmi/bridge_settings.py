"""What the web app needs to reach sites: its own identity, its signing key, where secrets lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ManagementSettings:
    """The relay's management plane, where sites are provisioned: the emulator's port at ``url``, or Azure without one.

    ``token_file`` holds the emulator's token; Azure takes the identity of the machine.
    """

    namespace: str
    url: str = ""
    token_file: Path | None = None
    subscription_id: str = ""
    resource_group: str = ""


@dataclass(frozen=True)
class BridgeSettings:
    """``state_dir`` holds everything that is written.

    ``issuer`` is the ``iss`` of site tokens: the web app's own public URL unless it is named apart. It is a name that
    agents compare, never an address that they fetch.

    ``relay_management`` is needed to provision, rotate and cut off, not to reach a site.
    """

    state_dir: Path
    issuer: str
    relay_management: ManagementSettings | None = None

    @property
    def secrets_dir(self) -> Path:
        return self.state_dir / "secrets"

    @property
    def web_app_cert(self) -> Path:
        """The certificate with which the web app shows itself inside the sealed session."""
        return self.secrets_dir / "web-app.cert.pem"

    @property
    def web_app_key(self) -> Path:
        return self.secrets_dir / "web-app.key.pem"

    @property
    def signing_key(self) -> Path:
        """The issuer's private key."""
        return self.secrets_dir / "issuer.key.json"

    def site_audience(self, site_id: object) -> str:
        """The site's URI: ``aud`` of its site tokens and ``resource`` of its access tokens (RFC 8707)."""
        return f"{self.issuer}/sites/{site_id}"
