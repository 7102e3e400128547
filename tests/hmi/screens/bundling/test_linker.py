"""Linked scripts do what the modules did: each runs once, in order, and sees what it imports."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import rjsmin

from hmi.screens.bundling.linker import SHARED, link
from hmi.screens.bundling.script_modules import CannotLink

WORDS = """\
// A comment with import { x } from "./nowhere.js" in it.
console.log("words");
const secret = "of words";
export const DASH = "-";
export function shout(text) {
  return `${text}!`;
}
export class Pen { color = secret; }
function hidden() { return secret; }
export { hidden as open };
"""
MODULES = {
    "common.js": "",
    "words.js": WORDS,
    "more.js": 'export { DASH, shout as cry } from "./words.js";\nconst secret = "of more";\nexport const own = secret;\n',  # noqa: E501
    "alone.js": 'import { own } from "./more.js";\nexport async function twice() { return own + own; }',
    "page.js": """\
import {
  Pen,
  open as reveal,
} from "./words.js";
import { DASH, cry, own } from "./more.js";
import { twice } from "./alone.js";
const secret = "of page";
console.log([DASH, cry("a"), own, new Pen().color, reveal(), secret].join(" "));
const later = await_later();
async function await_later() {
  const { count } = await import("./later.js");
  console.log(count(), await twice());
}
""",
    "second.js": 'import { shout } from "./words.js";\nimport { count } from "./later.js";\nconsole.log(shout("b"), count());\n',  # noqa: E501
    "later.js": 'import { DASH } from "./more.js";\nlet calls = 0;\nexport function count() { return (calls += 1) + DASH; }\n',  # noqa: E501
}
TOLD = ["words", "- a! of more of words of words of page", "b! 1-", "2- of moreof more"]


def test_what_several_need_exists_once_and_the_rest_goes_where_it_is_needed() -> None:
    linked = link(MODULES)
    assert set(linked) == {SHARED, "page.js", "second.js", "later.js"}
    assert linked[SHARED].count('console.log("words")') == 1
    assert "twice" in linked["page.js"]
    assert "twice" not in linked[SHARED]
    assert 'import("./later.js")' in linked["page.js"]
    assert 'from "./words.js"' not in "".join(text for name, text in linked.items() if name != SHARED)


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the scripts with Node, which is not here")
@pytest.mark.parametrize("small", [False, True])
def test_linked_scripts_do_what_the_modules_did(tmp_path: Path, small: bool) -> None:
    for folder, texts in (("sources", MODULES), ("linked", link(MODULES))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "package.json").write_text('{"type": "module"}')
        for name, text in texts.items():
            (tmp_path / folder / name).write_text(rjsmin.jsmin(text) if small else text)
        (tmp_path / folder / "start.js").write_text('import "./page.js";\nimport "./second.js";\n')
    said = [
        subprocess.run(
            ["node", "start.js"], cwd=tmp_path / folder, capture_output=True, text=True, check=True, timeout=30
        ).stdout.splitlines()
        for folder in ("sources", "linked")
    ]
    assert said == [TOLD, TOLD]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("export let state = 1;", "export let state"),
        ("export default function f() {}", "export default"),
        ('export * from "./words.js";', "export \\*"),
        ('import * as words from "./words.js";', "import \\* as words"),
        ('import words from "./words.js";', "import words"),
        ("await fetch('/');", "await fetch"),
        ('import { gone } from "./gone.js";', "gone.js, which is not there"),
        ('const x = () => import("./gone.js");', "gone.js, which is not there"),
        ("const _words_js = 1;", "_words_js, which the linker needs"),
        ('import { 1a } from "./words.js";', "is not a name"),
    ],
)
def test_what_would_be_linked_by_guess_is_refused(text: str, words: str) -> None:
    with pytest.raises(CannotLink, match=words):
        link({"words.js": WORDS, "page.js": text})


def test_files_that_would_name_each_other_are_refused() -> None:
    texts = {
        "words.js": 'export const a = 1;\nexport const later = () => import("./later.js");',
        "later.js": 'import { a } from "./words.js";\nexport const b = a;',
        "page.js": 'import { later } from "./words.js";\nlater();',
    }
    with pytest.raises(CannotLink, match=r"common\.js imports a script later that itself needs"):
        link(texts)


def test_a_circle_is_refused() -> None:
    a, b = 'import { b } from "./b.js";\nexport const a = 1;', 'import { a } from "./a.js";\nexport const b = 1;'
    with pytest.raises(CannotLink, match=r"circle: a\.js -> b\.js -> a\.js"):
        link({"a.js": a, "b.js": b, "page.js": 'import { a } from "./a.js";'})
