"""The page in a real browser, on a service in processes of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.services import Service, started

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
TELL_VIOLATIONS = """
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));
"""

expect.set_options(timeout=20_000)


class Visit:
    """What went wrong, and what was fetched, while somebody looked at the page."""

    def __init__(self, browser: Browser, address: str, **how: Any) -> None:
        self.page: Page = browser.new_page(**how)
        self.address = address
        self.errors: list[str] = []
        self.fetched: list[str] = []
        self.bytes = 0
        self.page.add_init_script(TELL_VIOLATIONS)
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type != "log" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.fetched.append(request.url))

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.address + path)
        return self.page

    def check(self, *expected: str) -> None:
        """Nothing went wrong, but what a browser says of an answer that the test has asked for."""
        errors = [error for error in self.errors if not any(words in error for words in expected)]
        origins = {urlsplit(url)[:2] for url in self.fetched if not url.startswith("data:")}
        assert [] == errors
        assert {urlsplit(self.address)[:2]} == origins
        assert [] == self.page.evaluate("violations")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(tmp_path_factory.mktemp("page") / "artifacts") as service:
        yield service


@pytest.fixture
def visit(browser: Browser, service: Service) -> Iterator[Visit]:
    visit = Visit(browser, service.address)
    visit.open()
    expect(visit.page.locator("#diagram circle").first).to_be_visible()
    yield visit
    visit.page.close()


@pytest.fixture
def page(visit: Visit) -> Iterator[Page]:
    """The page, with a model; nothing may go wrong on it."""
    yield visit.page
    visit.check()


def promoted(page: Page, version: str | None) -> None:
    """Wait until the page shows the model of a version."""
    expect(page.locator("#serving")).to_have_attribute("data-version", version or "")


def table(path: Path, rows: str, header: str = "sepal_length,sepal_width,petal_length,petal_width,species") -> Path:
    path.write_text(f"{header}\n{rows}\n")
    return path
