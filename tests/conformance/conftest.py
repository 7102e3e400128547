"""What to say where there is no Node to run Microsoft's clients."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import node

FOLDER = Path(__file__).resolve().parent
_left_out: list[str] = []  # why, once


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "without_node: a conformance test that needs no Node")


@pytest.hookimpl(trylast=True)  # what -k left over
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [
        item for item in items if FOLDER in Path(item.path).parents and item.get_closest_marker("without_node") is None
    ]
    if not ours:
        return
    try:
        node.find()
    except node.NodeMissing as error:
        _left_out.append(f"{len(ours)} conformance tests with Microsoft's Node clients were left out: {error}")
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no Node"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _left_out and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for sentence in _left_out:
        failed = os.environ.get("CI") == "true"
        terminalreporter.write_sep("=", "Node conformance left out", red=failed, yellow=not failed)
        terminalreporter.write_line(f"{sentence}.")
        if failed:
            terminalreporter.write_line("CI=true: this is a failure.")
