"""Starts the languages: their command, and nothing else."""

from __future__ import annotations

from django.apps import AppConfig


class LanguagesConfig(AppConfig):
    name = "hmi.languages"
