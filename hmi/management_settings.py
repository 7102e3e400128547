"""Reading where the relay's management plane is: the emulator's port, or Azure. Strictly, when the program starts.

SIGHTLINE_RELAY_MANAGEMENT=http://127.0.0.1:9401  and  SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE
SIGHTLINE_RELAY_MANAGEMENT=azure  and  SIGHTLINE_AZURE_SUBSCRIPTION, SIGHTLINE_AZURE_RESOURCE_GROUP
SIGHTLINE_RELAY_NAMESPACE  for either; the emulator's is "local" unless it says otherwise
"""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ImproperlyConfigured

from hmi import environment
from hmi.bridge_settings import ManagementSettings
from relay_bridge.management.addresses import check_emulator_url
from relay_bridge.management.errors import Refused

EMULATOR_NAMESPACE = "local"


def read_management_settings() -> ManagementSettings | None:
    """None when nothing is said: then sites are reached, but none is provisioned, rotated or deleted."""
    place = environment.text("RELAY_MANAGEMENT", "").strip()
    if not place:
        return None
    return _azure() if place.lower() == "azure" else _emulator(place)


def _azure() -> ManagementSettings:
    subscription = environment.text("AZURE_SUBSCRIPTION")
    try:
        UUID(subscription)
    except ValueError:
        raise ImproperlyConfigured(
            "SIGHTLINE_AZURE_SUBSCRIPTION must be the subscription's id (az account show --query id), not its name."
        ) from None
    return ManagementSettings(
        namespace=environment.text("RELAY_NAMESPACE"),
        subscription_id=subscription,
        resource_group=environment.text("AZURE_RESOURCE_GROUP"),
    )


def _emulator(url: str) -> ManagementSettings:
    try:
        url = check_emulator_url(url)
    except Refused as error:
        raise ImproperlyConfigured(f"SIGHTLINE_RELAY_MANAGEMENT is neither azure nor usable: {error}") from None
    return ManagementSettings(
        namespace=environment.text("RELAY_NAMESPACE", EMULATOR_NAMESPACE),
        url=url,
        # Read at each use, so that a new token needs no restart.
        token_file=environment.path("RELAY_MANAGEMENT_TOKEN_FILE"),
    )
