"""What every template may use: the product's name, theme and hands, what a phone may keep of the page, and, worked out
when a page asks for it, the strip and the banner over all sites."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hmi.screens.above_sites import above_of
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
        "above": SimpleLazyObject(partial(above_of, request)),
    }
