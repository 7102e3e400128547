"""Collected as in production: few files, every import by its hashed name, nothing twice, all of it compressed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.test import override_settings

HASHED = r"\.[0-9a-f]{12}\.(?:js|css)$"
_NAMED = re.compile(r"""\{%\s*static\s+["']((?:js|css)/[\w./-]+\.(?:js|css))["']""")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    storages = project.STORAGES | {"staticfiles": {"BACKEND": "hmi.screens.static_files.ModuleStaticFilesStorage"}}
    with override_settings(STATIC_ROOT=folder, STORAGES=storages):
        call_command("collectstatic", "--noinput", verbosity=0)
    return folder


@pytest.fixture(scope="module")
def names(collected: Path) -> dict[str, str]:
    return dict(json.loads((collected / "staticfiles.json").read_text())["paths"])


def test_imports_name_the_hashed_modules(collected: Path) -> None:
    hashed = [path for path in (collected / "js").glob("*.js") if re.search(HASHED, path.name)]
    assert len(hashed) >= 5
    for path in hashed:
        for module in re.findall(r"""(?:from|import\()\s*["']([^"']+)["']""", path.read_text()):
            assert re.search(HASHED, module), (path.name, module)
            assert (path.parent / module).exists()


def test_styles_are_joined_and_name_their_hashed_pictures(collected: Path, names: dict[str, str]) -> None:
    text = (collected / names["css/sightline.css"]).read_text()
    assert "@import" not in text
    assert "/*" not in text
    for file in re.findall(r'@import url\("([\w.]+)"\)', (project.BASE_DIR / "static/css/sightline.css").read_text()):
        first = re.search(r"(?m)^([.:][\w-]+)[ ,{\[]", (project.BASE_DIR / "static/css" / file).read_text())
        assert first, file
        assert first[1] in text, file
    assert re.search(r"hatch\.[0-9a-f]{12}\.svg", text)


def test_every_script_and_style_that_a_template_names_is_collected(names: dict[str, str]) -> None:
    """A script that went into another must not be named by a page: it would run twice."""
    wanted = {
        (template.name, name)
        for template in (project.BASE_DIR / "templates").rglob("*.html")
        for name in _NAMED.findall(template.read_text())
    }
    assert len(wanted) > 10
    assert [each for each in sorted(wanted) if each[1] not in names] == []


def test_scripts_and_styles_lie_there_compressed(collected: Path, names: dict[str, str]) -> None:
    for name in ("js/live.js", "js/common.js", "css/sightline.css", "django_htmx/htmx-2.min.js"):
        plain = collected / names[name]
        for ending in (".br", ".gz"):
            assert plain.with_name(plain.name + ending).stat().st_size < plain.stat().st_size / 2, (name, ending)


@pytest.mark.usefixtures("collected")
def test_sources_are_served_as_they_are_where_nothing_was_collected() -> None:
    from hmi.screens.static_files import put_into_others  # noqa: PLC0415

    assert put_into_others() == set()
