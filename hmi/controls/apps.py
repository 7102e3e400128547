"""The app of controls: setpoints and commands, from the dialog to the plant's answer."""

from __future__ import annotations

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "hmi.controls"
    label = "controls"
    verbose_name = "Controls"
