"""The app of the read API; it also tells the authorization server which grants there are."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "hmi.api"
    label = "api"
    verbose_name = "Read API"

    def ready(self) -> None:
        from accounts.oauth.places import places_are_found_by  # noqa: PLC0415 - models exist only from here on
        from hmi.api import token_ends  # noqa: PLC0415
        from hmi.api.lendable import LendableGrants  # noqa: PLC0415

        places_are_found_by(LendableGrants())
        token_ends.connect()
