"""The app of the notes."""

from __future__ import annotations

from django.apps import AppConfig


class NotesConfig(AppConfig):
    name = "hmi.notes"
    label = "notes"
    verbose_name = "Notes"
