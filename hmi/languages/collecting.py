"""Finds every text that is marked for translation, in Python, templates and scripts. Needs Babel, not GNU gettext.

A developer's tool: the web app itself runs without Babel. ``manage.py texts`` uses it, and so do the tests that
refuse a text without its five translations.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_javascript
from django.conf import settings
from django.utils.translation.template import templatize

PYTHON = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
SCRIPT = {"t": None, "nt": (1, 2)}  # static/js/texts.js
_TAGS: dict[str, None] = dict.fromkeys(PYTHON)  # which calls to report; where their texts stand is read here
_SCRIPT_NAMES: dict[str, None] = dict.fromkeys(SCRIPT)
_PACKAGES = ("accounts", "hmi")


def collect() -> Catalog:
    """A catalogue of every marked text, untranslated; ``locations`` hold files, without lines."""
    catalog = Catalog(charset="utf-8")
    root = Path(settings.BASE_DIR)
    for file in _python_files(root):
        _add(catalog, file.relative_to(root), _in_python(file), PYTHON)
    for file in sorted((root / "templates").rglob("*.*")):
        if file.suffix in {".html", ".txt"}:
            # Django turns the tags into calls and everything else into filler that reads like no call.
            source = templatize(file.read_text("utf-8"), origin=str(file))
            found = extract_javascript(io.BytesIO(source.encode()), _TAGS, [], {"encoding": "utf-8"})
            _add(catalog, file.relative_to(root), found, PYTHON)
    for file in sorted((root / "static" / "js").rglob("*.js")):
        if file.parent.name != "texts":
            with file.open("rb") as opened:
                found = extract_javascript(opened, _SCRIPT_NAMES, [], {"encoding": "utf-8"})
                _add(catalog, file.relative_to(root), found, SCRIPT)
    return catalog


def _python_files(root: Path) -> Iterator[Path]:
    for package in _PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file


def _in_python(file: Path) -> Iterator[tuple[int, str, tuple[str | None, ...], list[str]]]:
    """Calls with their texts, as Babel's extractors tell them.

    A call with a name in it (``gettext(words)``) translates what was marked elsewhere, with ``gettext_noop``. One that
    glues a text from parts can never be translated: ``ValueError``.
    """
    tree = ast.parse(file.read_text("utf-8"), str(file))
    names = _marking_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in names:
            continue
        if any(isinstance(argument, ast.JoinedStr | ast.BinOp) for argument in node.args[:3]):
            raise ValueError(
                f"{file}:{node.lineno}: a text marked for translation must be one plain string with %(names)s in it."
            )
        texts = tuple(
            argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
            for argument in node.args
        )
        if texts and texts[0] is not None:
            yield node.lineno, names[node.func.id], texts, []


def _marking_names(tree: ast.Module) -> dict[str, str]:
    """How this file calls Django's functions: ``{"_": "gettext"}`` after ``import gettext as _``."""
    return {
        name.asname or name.name: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
        if name.name in PYTHON
    }


def _add(catalog: Catalog, file: Path, found: Any, keywords: dict[str, Any]) -> None:
    for _line, name, arguments, _comments in found:
        texts = arguments if isinstance(arguments, tuple) else (arguments,)
        places = keywords.get(name)
        if name not in keywords or not texts:
            continue
        context = None
        wanted = []
        for place in places or (1,):
            if isinstance(place, tuple):
                context = _at(texts, place[0], file)
            else:
                wanted.append(_at(texts, place, file))
        text = tuple(wanted) if len(wanted) > 1 else wanted[0]
        catalog.add(text, context=context, locations=[(file.as_posix(), 0)])


def _at(texts: tuple[str | None, ...], place: int, file: Path) -> str:
    text = texts[place - 1] if len(texts) >= place else None
    if not text:
        raise ValueError(f"{file}: a text marked for translation must be one plain string, not {texts!r}.")
    return text
