"""Our JavaScript modules linked into few files: one for each script that a page names, one for what several share.

A phone on a poor network pays for every request, and a chain of imports costs a round trip for every link of it. Each
module becomes a function that is called once, in the order in which a browser would run it, and gives back what it
exports; so names of two modules never meet, and a module that two scripts share still exists once on a page. This holds
only without ``export let`` and without circles, both of which are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from hmi.screens.bundling.script_modules import CannotLink, Module, read_module

SHARED = "common.js"  # in the sources an empty module, so that a page can name it with and without linking


def link(texts: Mapping[str, str]) -> dict[str, str]:
    """The linked scripts by file name, from the texts of all modules of one folder by file name.

    What is not in the answer went into one that is. Raises ``CannotLink``.
    """
    modules = {file: read_module(file, text) for file, text in texts.items()}
    for module in modules.values():
        for file in (*module.needs, *sorted(module.dynamic)):
            if file not in modules:
                raise CannotLink(f"static/js/{module.file} imports {file}, which is not there.")
    homes = _homes(modules)
    _forbid_circles_of_files(modules, homes)
    ordered = list(_in_order(modules))
    return {home: _Script(home, modules, homes, ordered).text() for home in sorted({*homes.values(), SHARED})}


def entries(modules: Mapping[str, Module]) -> set[str]:
    """The scripts that pages name or fetch later: what no module imports, and what one imports when it is needed."""
    imported = {file for module in modules.values() for file in module.needs}
    return (set(modules) - imported) | {file for module in modules.values() for file in module.dynamic}


def _homes(modules: Mapping[str, Module]) -> dict[str, str]:
    """The file into which each module goes."""
    own = entries(modules)
    users: dict[str, set[str]] = {file: {file} if file in own else set() for file in modules}
    for entry in own:
        waiting = [*modules[entry].needs]
        while waiting:
            file = waiting.pop()
            if file not in own and entry not in users[file]:
                users[file].add(entry)
                waiting.extend(modules[file].needs)
    return {file: next(iter(by)) if len(by) == 1 else SHARED for file, by in users.items()}


def _in_order(modules: Mapping[str, Module]) -> Iterator[Module]:
    """Every module after all that it imports."""
    done: set[str] = set()

    def visit(file: str, path: tuple[str, ...]) -> Iterator[Module]:
        if file in path:
            raise CannotLink(f"Scripts import each other in a circle: {' -> '.join((*path, file))}.")
        if file in done:
            return
        for needed in modules[file].needs:
            yield from visit(needed, (*path, file))
        done.add(file)
        yield modules[file]

    for file in sorted(modules):
        yield from visit(file, ())


def _forbid_circles_of_files(modules: Mapping[str, Module], homes: Mapping[str, str]) -> None:
    """Files that name each other cannot be named by their content, later imports included."""
    named: dict[str, set[str]] = {home: set() for home in homes.values()}
    for module in modules.values():
        named[homes[module.file]] |= {homes[file] for file in (*module.needs, *module.dynamic)}
    for home in sorted(named):
        reached, waiting = set(), [*(named[home] - {home})]
        while waiting:
            file = waiting.pop()
            if file not in reached:
                reached.add(file)
                waiting.extend(named[file] - {file})
        if home in reached:
            raise CannotLink(
                f"{home} imports a script later that itself needs what is in {home}. Let the one that is to be called "
                "listen to an event instead (as shell.js does for notices.js)."
            )


class _Script:
    """One linked file."""

    def __init__(
        self, home: str, modules: Mapping[str, Module], homes: Mapping[str, str], ordered: Iterable[Module]
    ) -> None:
        self._home, self._modules, self._homes = home, modules, homes
        self._inside = [module for module in ordered if homes[module.file] == home]
        self._known = {_variable(file) for file in modules}

    def text(self) -> str:
        parts = [*self._from_others(), *(self._call(module) for module in self._inside), *self._given()]
        return "\n".join(parts) + "\n"

    def _from_others(self) -> Iterator[str]:
        needed = {file for module in self._inside for file in module.needs if self._homes[file] != self._home}
        shared = sorted(_variable(file) for file in needed if self._homes[file] == SHARED)
        if shared:
            yield f'import {{ {", ".join(shared)} }} from "./{SHARED}";'
        for file in sorted(needed):
            if self._homes[file] != SHARED:
                yield f'import * as {_variable(file)} from "./{file}";'

    def _call(self, module: Module) -> str:
        clash = next((name for name in sorted(self._known) if re.search(rf"\b{name}\b", module.body)), None)
        if clash:
            raise CannotLink(f"static/js/{module.file} uses the name {clash}, which the linker needs.")
        lines = [f"const {_variable(module.file)} = (() => {{"]
        for file, pairs in module.imports:
            if pairs:
                names = ", ".join(there if there == here else f"{there}: {here}" for there, here in pairs)
                lines.append(f"const {{ {names} }} = {_variable(file)};")
        lines.append(module.body)
        given = [outside if here == outside else f"{outside}: {here}" for here, outside in module.exports]
        given += [f"{outside}: {_variable(file)}.{name}" for file, pairs in module.passed_on for name, outside in pairs]
        lines += [f"return {{ {', '.join(given)} }};"] if given else []
        return "\n".join([*lines, "})();"])

    def _given(self) -> Iterator[str]:
        if self._home == SHARED:
            yield f"export {{ {', '.join(sorted(_variable(module.file) for module in self._inside))} }};"
        elif names := self._modules[self._home].outside_names:
            yield f"export const {{ {', '.join(names)} }} = {_variable(self._home)};"


def _variable(file: str) -> str:
    return "_" + re.sub(r"\W", "_", file)
