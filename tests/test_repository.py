"""The repository itself: a lock without addresses, pages and styles free of inline code, no stray machine path."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {".venv", ".git", ".demo", "node_modules", "__pycache__", "build"}


def tracked() -> list[Path]:
    """Files of the project; without git (a plain archive) everything that is no product of a run."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_lock_pins_everything_by_hash_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    names = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock, re.MULTILINE)
    assert len(names) > 50
    assert lock.count("--hash=sha256:") >= len(names)
    assert "sightline" not in names, "the project must never be taken from a registry"


def test_lock_holds_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = list(project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        declared += extra
    declared += project["dependency-groups"]["dev"]
    lock = (ROOT / "requirements.lock").read_text()
    for requirement in declared:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        assert re.search(rf"^{re.escape(name.group(0).lower())}==", lock, re.MULTILINE), requirement


def test_the_agents_extra_does_not_bring_django() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in ("agent", "emulator", "plant"):
        assert not [requirement for requirement in extras[name] if "django" in requirement.lower()]


def test_no_machine_path_and_no_secret_in_any_file() -> None:
    own = Path(__file__)
    patterns = [
        re.compile(re.escape(str(ROOT.parent) + "/") if len(str(ROOT.parent)) > 4 else "^$a"),
        re.compile(r"-----BEGIN (EC |RSA )?PRIVATE KEY-----\n[A-Za-z0-9+/]"),
    ]
    for path in tracked():
        text = text_of(path)
        for pattern in patterns:
            if path != own:
                assert not pattern.search(text), f"{path}: {pattern.pattern}"


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_templates_have_no_inline_code(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text), "inline script"
    assert "<style" not in text
    assert not re.search(r"\sstyle\s*=", text), "inline style"
    assert not re.search(r"\son[a-z]+\s*=", text), "inline handler"
    assert not re.search(r"hx-on|hx-vals\s*=\s*[\"']js:|\|\s*safe\b", text)


def test_every_package_folder_says_what_it_is_for() -> None:
    for package in ("relay_bridge", "accounts", "hmi"):
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" in path.parts or not path.read_text().strip() or path.name == "__init__.py":
                continue
            assert path.read_text().lstrip().startswith(('"""', "#!")), f"{path} has no first sentence"
