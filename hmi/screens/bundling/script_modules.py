"""One JavaScript module of ours as the linker sees it: what it imports, what it exports, and its text without both.

Only the forms that our scripts use are understood, each on a line of its own without indentation. Anything else that
begins with ``import`` or ``export`` is refused, so that nothing is linked by guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z_$][\w$]*"
_FROM = r"""["']\./(?P<file>[\w-]+\.js)["']"""
_IMPORT = re.compile(rf"^import\s*(?:\{{(?P<names>[^}}]*)\}}\s*from\s*)?{_FROM};[ \t]*$", re.MULTILINE)
_EXPORT_FROM = re.compile(rf"^export\s*\{{(?P<names>[^}}]*)\}}\s*from\s*{_FROM};[ \t]*$", re.MULTILINE)
_EXPORT_LIST = re.compile(r"^export\s*\{(?P<names>[^}]*)\};[ \t]*$", re.MULTILINE)
_EXPORT = re.compile(rf"^export (?=(?:async function|function\*?|class|const) (?P<name>{_NAME}))", re.MULTILINE)
_ANYTHING_ELSE = re.compile(r"^(?:import\b(?!\s*[(.])|export\b).*$|^await\b.*$", re.MULTILINE)
_DYNAMIC = re.compile(r"""\bimport\(\s*["']\./(?P<file>[\w-]+\.js)["']\s*\)""")
_PAIR = re.compile(rf"({_NAME})(?:\s+as\s+({_NAME}))?")


class CannotLink(ValueError):  # noqa: N818 - the name says what is wrong
    """A script cannot be linked; the message says which one and what to do."""


@dataclass(frozen=True)
class Module:
    """``file`` is its name in ``static/js``. Pairs in imports and exports: the name there, the name here."""

    file: str
    imports: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # file, pairs: in the order of the text
    passed_on: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # ``export { a } from "./b.js"``
    exports: tuple[tuple[str, str], ...]  # the name here, the name outside
    dynamic: frozenset[str]
    body: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The files of the modules that have to run before this one, in the order of the text."""
        return tuple(dict.fromkeys(file for file, _ in (*self.imports, *self.passed_on)))

    @property
    def outside_names(self) -> tuple[str, ...]:
        passed_on = (outside for _, pairs in self.passed_on for _, outside in pairs)
        return (*(outside for _, outside in self.exports), *passed_on)


def read_module(file: str, text: str) -> Module:
    """The module ``file`` of that text. Raises ``CannotLink``."""
    imports = tuple((each["file"], _pairs(file, each["names"] or "")) for each in _IMPORT.finditer(text))
    passed_on = tuple((each["file"], _pairs(file, each["names"])) for each in _EXPORT_FROM.finditer(text))
    listed = [pair for each in _EXPORT_LIST.finditer(text) for pair in _pairs(file, each["names"])]
    declared = [(each["name"], each["name"]) for each in _EXPORT.finditer(text)]
    body = text
    for pattern in (_IMPORT, _EXPORT_FROM, _EXPORT_LIST, _EXPORT):
        body = pattern.sub("", body)
    odd = _ANYTHING_ELSE.search(body)
    if odd:
        raise CannotLink(
            f'static/js/{file}: "{odd[0].strip()}" cannot be linked. Use import {{ a }} from "./b.js"; or export '
            "before function, class or const, at the start of a line, and no await outside of functions."
        )
    return Module(
        file=file,
        imports=imports,
        passed_on=passed_on,
        exports=(*declared, *listed),
        dynamic=frozenset(each["file"] for each in _DYNAMIC.finditer(text)),
        body=body.strip(),
    )


def _pairs(file: str, names: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        found = _PAIR.fullmatch(name)
        if found is None:
            raise CannotLink(f'static/js/{file}: "{name}" is not a name that can be imported or exported.')
        pairs.append((found[1], found[2] or found[1]))
    return tuple(pairs)
