"""Find a Chromium for the browser tests: on PATH, else Playwright's own, else Debian's package.

Where there is a headless shell beside the whole browser, that one: it is the same engine, and without windows to manage
a page of its own costs a fifth of the processor time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

SHELL = "chromium-headless-shell"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Quiet and closed: a browser under test talks to loopback and to nobody else.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@cache
def find() -> str | None:
    """Path of a Chromium that is there now, or ``None``."""
    on_path = [shutil.which(SHELL), *map(shutil.which, NAMES)]
    if on_path[0]:
        return on_path[0]
    with ThreadPoolExecutor(1) as thread:  # of its own: where an event loop runs, or another Playwright, it refuses
        shell, whole = thread.submit(_playwrights_own).result()
    return shell or next(filter(None, on_path), None) or whole


def _playwrights_own() -> tuple[str | None, str | None]:
    """Its headless shell and its whole browser, each where it is installed."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starting it costs half a second

    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)  # .../chromium-1255/chrome-linux64/chrome
    folder = next(each for each in whole.parents if each.name.startswith("chromium-"))
    shells = folder.parent.glob(f"{folder.name.replace('chromium', 'chromium_headless_shell')}/*/*headless*shell")
    return next(map(str, shells), None), str(whole) if whole.is_file() else None


def ensure() -> str:
    """Path of a Chromium, installed first where that is possible; ``SystemExit`` with one sentence otherwise."""
    path = find()
    if path:
        return path
    install = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    subprocess.run(install, check=False, capture_output=True)
    find.cache_clear()
    path = find()
    if path:
        return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, stdout=subprocess.DEVNULL)
        find.cache_clear()
        path = find()
        if path:
            return path
    raise SystemExit("No Chromium found and none could be installed. Put one on PATH and run again.")


if __name__ == "__main__":
    print(f"Browser tests use {ensure()}")
