"""The Django app of the screens; it has no models."""

from django.apps import AppConfig


class ScreensConfig(AppConfig):
    name = "hmi.screens"
    label = "screens"
    verbose_name = "Screens"
