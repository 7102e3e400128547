"""For all tests: which of them stay together when several processes run them, and an audit trail that starts anew.

Nothing in the product can empty the trail, ``manage.py flush`` included, which is what ends a transactional test.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.audit_trail import forget_events_after_flush

ROOT = Path(__file__).parent
# Folders whose files share something that is made once: the running demo, the Node clients. The longest come first,
# so that no process is left with them at the end.
TOGETHER = ("end_to_end", "conformance", "permission_matrix")
LONGEST_NAME = 30  # characters of a text that stands in a test's name


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process for each file, or for a folder of ``TOGETHER`` (``make test`` runs with ``--dist loadgroup``)."""
    items.sort(key=_place)
    for item in items:
        folder = _folder(item)
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else str(item.path.relative_to(ROOT))))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A long text or blob names no test: tokens are made anew in each process, and names must be the same in all."""
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """A pytest that loses the groups (9.2 with xdist 3.8) would start a demo in each process, and not say so."""
    if getattr(session.config.option, "loadgroup", False) and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("pytest and pytest-xdist do not agree on groups: look at their versions in the lock.")


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[0]


def _place(item: pytest.Item) -> int:
    folder = _folder(item)
    return TOGETHER.index(folder) if folder in TOGETHER else len(TOGETHER)


@pytest.fixture(scope="session", autouse=True)
def _audit_trail_of_each_test() -> None:
    forget_events_after_flush()
