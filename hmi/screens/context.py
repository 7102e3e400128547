"""What every template may use: the product's name, theme and hands, and what a phone may keep of the page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from hmi.screens.hands import hands_of
from hmi.screens.keeping import keeping_of
from hmi.screens.product import PRODUCT
from hmi.screens.shell import version
from hmi.screens.themes import THEMES, theme_of


def screen(request: HttpRequest) -> dict[str, Any]:
    return {
        "product": PRODUCT,
        "theme": theme_of(request),
        "themes": THEMES,
        "hands": hands_of(request),
        "keeping": keeping_of(request),
        "version": version(),
    }
