"""Static files as they are served: our scripts and styles linked into few files, made small, named by their content.

A page names ``js/live.js`` and ``css/sightline.css`` and works with the sources as they are, as in the tests, and with
what is made of them here at ``collectstatic``: everything a script imports is in it or in ``js/common.js``
(``hmi/screens/bundling``). Scripts that went into another are not collected under a name of their own, so a page that
names one fails at once instead of running it twice. Named by content, the one that imports changes with the imported:
a page never runs with half of one release and half of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import rcssmin
import rjsmin
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from hmi.screens.bundling import linker, styles

_OURS = "js/*.js"  # scripts of packages speak of modules in comments that were never there
_FOR_PHONES = re.compile(r"(?:css|js|icons|django_htmx)/(?!admin/).*\.[0-9a-f]{12}\.\w+$")
_OUR_FOLDERS = ("js", "css")


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Raises ``CannotLink`` or ``ImportMissing`` while collecting when our scripts or styles do not fit together."""

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = (
        _OURS,
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],  # noqa: SLF001
    )

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str | None, Any]]:
        if dry_run:
            return
        yield from super().post_process(bundled(paths), dry_run=dry_run, **options)

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Only what a phone fetches: pages name files by their content, and the administration is for desks.

        Brotli at its best takes a second for each of the larger scripts of the administration.
        """
        yield from super().compress_files(path for path in paths if _FOR_PHONES.match(path))


def bundled(paths: dict[str, Any]) -> dict[str, Any]:
    """``paths`` (storage and path there, by name) with our scripts and styles replaced by what is served of them."""
    texts = {
        name: storage.open(path).read().decode()
        for name, (storage, path) in paths.items()
        if PurePosixPath(name).parts[0] in _OUR_FOLDERS and name.endswith((".js", ".css"))
    }
    modules = _folder(texts, "js", ".js")
    sheets = _folder(texts, "css", ".css")
    linked = linker.link(modules) if modules else {}
    made = {name: text for name, text in texts.items() if name.count("/") > 1}  # workers, texts of languages
    made |= {f"js/{file}": text for file, text in linked.items()}
    made |= {f"css/{file}": styles.join(file, sheets) for file in sheets}
    memory = InMemoryStorage()
    for name, text in made.items():
        small = rjsmin.jsmin(text) if name.endswith(".js") else rcssmin.cssmin(text)
        memory.save(name, ContentFile(small.encode()))
    others = {name: place for name, place in paths.items() if name not in texts}
    return others | {name: (memory, name) for name in made}


def put_into_others() -> set[str]:
    """Names of our scripts and styles that pages get inside of another; none where sources are served as they are."""
    if not isinstance(staticfiles_storage, ModuleStaticFilesStorage):
        return set()
    root = Path(settings.BASE_DIR) / "static"
    modules = {file.name: file.read_text() for file in (root / "js").glob("*.js")}
    sheets = [file.read_text() for file in (root / "css").glob("*.css")]
    scripts = {f"js/{file}" for file in modules.keys() - linker.link(modules).keys()}
    return scripts | {f"css/{file}" for text in sheets for file in styles.imported(text)}


def _folder(texts: dict[str, str], folder: str, ending: str) -> dict[str, str]:
    """The texts of one folder, without those below it, by file name."""
    return {
        PurePosixPath(name).name: text
        for name, text in texts.items()
        if name.startswith(f"{folder}/") and name.count("/") == 1 and name.endswith(ending)
    }
