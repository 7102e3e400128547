"""One demo for all end-to-end tests, a browser for each file of them, and all that these browsers got to see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support import chromium
from tests.support.demo import Demo
from tests.support.harvest import Harvest
from tests.support.phone import open_phone, sign_in

# They search what the relay carried, and what browsers and logs got to see, during all the others.
LAST = ("test_relay_sees_nothing.py", "test_no_secret_left.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def harvest(tmp_path_factory: pytest.TempPathFactory) -> Harvest:
    return Harvest(tmp_path_factory.mktemp("harvest"))


@pytest.fixture(scope="module")
def browser(harvest: Harvest) -> Iterator[Browser]:
    # One file at a time: the browser's own event loop must be gone before asynchronous tests run.
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.ensure(), args=chromium.ARGUMENTS)
        harvest.watch(launched)
        yield launched
        harvest.close_all(launched)
        launched.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = open_phone(browser)
    yield context
    context.close()


@pytest.fixture
def operator(phone: BrowserContext, demo: Demo) -> Page:
    """A page signed in as the field operator, on *my sites*."""
    page = phone.new_page()
    sign_in(page, demo, "field operator")
    return page
