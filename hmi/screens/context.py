"""What every template may use: the product's name, the theme, and the choice of themes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from hmi.screens.themes import THEMES, theme_of

PRODUCT = "Sightline"


def screen(request: HttpRequest) -> dict[str, Any]:
    return {"product": PRODUCT, "theme": theme_of(request), "themes": THEMES}
