"""Strict reading of the environment: a wrong or missing setting stops the start with one sentence.

Secrets come from the environment or, better, from a file: ``NAME_FILE`` wins over ``NAME``.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

PREFIX = "SIGHTLINE_"


def text(name: str, default: str | None = None) -> str:
    value = os.environ.get(PREFIX + name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set {PREFIX}{name} in the environment (docs/configuration.md says what it is).")
    return value


def flag(name: str, *, default: bool) -> bool:
    value = os.environ.get(PREFIX + name)
    if value is None:
        return default
    if value not in {"0", "1"}:
        raise ImproperlyConfigured(f"{PREFIX}{name} is {value!r}; it must be 0 or 1.")
    return value == "1"


def integer(name: str, default: int, *, low: int, high: int) -> int:
    value = os.environ.get(PREFIX + name, str(default))
    try:
        number = int(value)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{PREFIX}{name} is {value!r}; it must be a whole number from {low} to {high}.")
    return number


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{PREFIX}{name} is {value!r}; it must be one of {', '.join(choices)}.")
    return value


def words(name: str, default: str) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def path(name: str, default: str | None = None) -> Path:
    return Path(text(name, default)).expanduser().resolve()


def secret(name: str, *, shortest: int) -> str:
    """A secret of at least ``shortest`` characters, from the file named by ``NAME_FILE`` or from ``NAME``."""
    file_name = os.environ.get(f"{PREFIX}{name}_FILE")
    if file_name is not None:
        try:
            value = Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{PREFIX}{name}_FILE: cannot read {file_name}: {error.strerror}.") from None
    else:
        value = text(name)
    if len(value) < shortest:
        raise ImproperlyConfigured(f"{PREFIX}{name} is shorter than {shortest} characters.")
    return value
