"""The app of the phones' sockets: live values out, revocation in."""

from __future__ import annotations

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "hmi.live"
    label = "live"
    verbose_name = "Live pages"
