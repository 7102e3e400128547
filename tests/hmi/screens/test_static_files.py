"""Collected as in production, every script imports its modules by their hashed names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.core.management import call_command


def test_imports_name_the_hashed_modules(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "hmi.screens.static_files.ModuleStaticFilesStorage"}
    }
    call_command("collectstatic", "--noinput", verbosity=0)
    hashed = [path for path in (tmp_path / "js").glob("*.js") if re.search(r"\.[0-9a-f]{12}\.js$", path.name)]
    assert len(hashed) >= 10
    for path in hashed:
        for module in re.findall(r"""from\s*["']([^"']+)["']""", path.read_text()):
            assert re.search(r"\.[0-9a-f]{12}\.js$", module), (path.name, module)
            assert (path.parent / module).exists()
    styles = (tmp_path / "css").glob("reading.*.css")
    assert all(re.search(r"hatch\.[0-9a-f]{12}\.svg", path.read_text()) for path in styles)
