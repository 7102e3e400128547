"""The app shell: what a phone keeps when it installs Sightline. Styles, scripts, icons and the offline page, no data.

The offline page is kept in the language of the last page that was open: nobody reads the browser's in an emergency.

The shell's version is a hash of its files: a changed file makes a new service worker, which fetches the whole shell
anew and throws the old one away. So a page never runs with half of one version and half of another.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.urls import reverse

from hmi.languages.choices import LANGUAGES, SOURCE, TRANSLATED
from hmi.screens.product import PRODUCT
from hmi.screens.static_files import put_into_others
from hmi.screens.themes import LIGHT

_FOLDERS = {"css": "*.css", "js": "*.js", "icons": "*.*"}
_FROM_PACKAGES = ("django_htmx/htmx-2.min.js",)
_TEMPLATES = ("base.html", "screens/offline.html", "screens/_styles.html", "screens/_patterns.html")
WORKER = "js/worker/service_worker.js"
ICON_SIZES = (192, 512)


def manifest() -> dict[str, Any]:
    """The web app manifest (W3C): enough for the browser to offer installing it."""
    icons = [
        {"src": static(f"icons/sightline{shape}-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"} | purpose
        for shape, purpose in (("", {"purpose": "any"}), ("-maskable", {"purpose": "maskable"}))
        for size in ICON_SIZES
    ]
    icons.append({"src": static("icons/sightline.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"})
    return {
        "id": "/",
        "name": PRODUCT,
        "short_name": PRODUCT,
        "description": "Live plant data of your sites",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": LIGHT.bar,
        "theme_color": LIGHT.bar,
        "lang": "en",
        "icons": icons,
    }


def worker_script() -> str:
    """``/sw.js``: the version and the list of the shell, then the worker itself, which is a static file like others."""
    shell = {
        "version": version(),
        "files": [static(path) for path in shell_files()],
        "offline": offline_address(),
        "languages": {code: _spoken(code) for code, _ in LANGUAGES},
    }
    return f"self.SHELL = {json.dumps(shell)};\nimportScripts({json.dumps(static(WORKER))});\n"


def offline_address(language: str = "") -> str:
    """Without a language it is that of the request."""
    address = reverse("screens:offline")
    return f"{address}?language={language}" if language else address


def _spoken(language: str) -> list[str]:
    """Addresses of the offline page in a language and, first, of what its scripts say in it."""
    texts = [] if language == SOURCE else [static(_texts_of(language))]
    return [*texts, offline_address(language)]


def _texts_of(language: str) -> str:
    return f"js/texts/{language}.js"


@cache
def shell_files() -> tuple[str, ...]:
    """Paths of the shell's files as ``{% static %}`` takes them, sorted; not what is served inside of another."""
    root = settings.BASE_DIR / "static"
    own = [f"{folder}/{file.name}" for folder, pattern in _FOLDERS.items() for file in (root / folder).glob(pattern)]
    return (*sorted(set(own) - put_into_others()), *_FROM_PACKAGES)


@cache
def version() -> str:
    """A hash over names, addresses and contents of everything in the shell, the worker and the offline page."""
    digest = hashlib.sha256()
    texts = map(_texts_of, TRANSLATED)
    for path in (*shell_files(), *texts, WORKER):
        found = finders.find(path)
        content = Path(found).read_bytes() if found else b""
        digest.update(f"{static(path)}\0{len(content)}\0".encode() + content)
    for name in _TEMPLATES:
        digest.update((settings.BASE_DIR / "templates" / name).read_bytes())
    return digest.hexdigest()[:16]
