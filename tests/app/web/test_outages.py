"""The page while the service is away, refuses, or answers by several workers."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.app.web.conftest import Visit, promoted
from tests.app.web.test_training import train
from tests.services import Service, started, until


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Service]:
    """A service that may be killed, and started again by `revive`."""
    with started(tmp_path / "artifacts") as service:
        yield service


def revive(service: Service) -> Service:
    command = [sys.executable, "-m", "app", "--port", str(service.port)]
    revived = Service(service.store.root, command, service.port, {})
    until(revived.answers)
    return revived


def test_after_an_outage_the_flower_is_asked_about_again(browser: Browser, mortal: Service) -> None:
    visit = Visit(browser, mortal.address)
    page = visit.open()
    expect(page.locator("#scores .value").first).to_be_visible()
    mortal.kill()
    page.get_by_label("Petal length", exact=True).fill("1.2")
    expect(page.locator("#took")).to_have_text("The service does not answer.")
    expect(page.locator("#scores .value")).to_have_count(0)
    expect(page.locator("#notice")).to_be_visible()
    revived = revive(mortal)

    expect(page.locator("#took")).to_contain_text("Answered in")
    expect(page.locator("#prediction")).to_have_attribute("data-flower", "5.8 3.1 1.2 1.2")
    expect(page.locator("#notice")).to_be_hidden()
    page.close()
    revived.kill()


def test_a_run_that_a_crash_of_the_service_ends_is_told_as_failed(browser: Browser, mortal: Service) -> None:
    visit = Visit(browser, mortal.address)
    page = visit.open()
    train(page, hidden_layers="512, 512", epochs=10_000)
    expect(page.locator("#progress-told")).to_have_text(re.compile(r"Epoch \d+"))
    mortal.kill()
    revived = revive(mortal)

    expect(page.locator("#verdict")).to_contain_text("Failed The process that trained it ended unexpectedly.")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    page.close()
    revived.kill()


def test_a_run_whose_events_are_refused_is_followed_all_the_same(visit: Visit) -> None:
    """As by a worker that has as many readers as it takes."""
    page = visit.page
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        refused.append(route.request.url)
        if len(refused) == 1:
            route.fulfill(status=503, body="{}")
        else:
            route.continue_()

    page.route("**/events", refuse_once)
    train(page, epochs=20, seed=1)

    expect(page.locator("#verdict")).to_contain_text("romoted")
    expect(page.locator("#loss")).to_have_attribute("data-epochs", "20")
    visit.check("503")


def test_without_the_description_of_the_api_nothing_can_be_trained_until_it_comes(
    browser: Browser, service: Service
) -> None:
    visit = Visit(browser, service.address)
    page = visit.page
    page.route("**/openapi.json", lambda route: route.fulfill(status=503, body="{}"), times=1)
    visit.open()
    expect(page.locator("#recipe-told")).not_to_be_empty()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()

    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    expect(page.locator("#recipe-epochs")).to_be_visible()
    expect(page.locator("#recipe-told")).to_be_empty()
    visit.check("503")
    page.close()


def test_rows_that_cannot_be_told_now_come_later(browser: Browser, service: Service) -> None:
    visit = Visit(browser, service.address)
    visit.page.route("**/rows", lambda route: route.fulfill(status=503, body="{}"), times=1)
    page = visit.open()

    expect(page.locator("#map-legend")).to_contain_text("Crossed")
    expect(page.get_by_role("button", name="setosa", exact=True)).to_be_visible()
    visit.check("503")
    page.close()


def test_charts_whose_script_does_not_come_say_so(browser: Browser, service: Service) -> None:
    visit = Visit(browser, service.address)
    visit.page.route("**/plotly.min.js", lambda route: route.abort())
    page = visit.open()
    page.locator("#calibration").scroll_into_view_if_needed()

    expect(page.locator("#calibration")).to_have_text("The chart cannot be drawn: its script did not come.")
    visit.check("ERR_FAILED")
    page.close()


SHOWN = """() => {
  window.shown = [];
  new MutationObserver(() => shown.push(document.querySelector("#serving").dataset.version))
    .observe(document.querySelector("#serving"), { attributes: true, attributeFilter: ["data-version"] });
}"""


def test_with_several_workers_the_page_never_goes_back_to_the_model_before(browser: Browser, tmp_path: Path) -> None:
    with started(tmp_path / "artifacts", "--workers", "2") as service:
        visit = Visit(browser, service.address)
        page = visit.open()
        expect(page.locator("#diagram circle").first).to_be_visible()
        page.evaluate(SHOWN)
        versions = []
        for seed in range(3):
            train(page, epochs=20, seed=seed, promote="always")
            expect(page.locator("#verdict")).to_contain_text("Promoted")
            versions.append(page.locator("#serving").get_attribute("data-version"))
            for length in range(10):
                page.get_by_label("Petal length", exact=True).fill(str(1 + length / 2))
                page.wait_for_timeout(100)

        assert versions == page.evaluate("shown")
        visit.check()
        page.close()


def test_a_model_that_others_promote_is_followed(page: Page, service: Service) -> None:
    version = service.train(epochs=9, promote="always")["model_version"]

    promoted(page, version)
    expect(page.locator(f'#version-list [data-version="{version}"]')).to_contain_text("now")


def test_a_run_that_others_start_is_followed_and_the_page_may_ask_for_the_next(page: Page, service: Service) -> None:
    service.train(wait=0, hidden_layers=[512, 512], epochs=10_000)
    expect(page.locator("#progress-told")).to_have_text(re.compile(r"A run that was started elsewhere: Epoch \d+ of"))
    train(page, epochs=7, hidden_layers="5", seed=2)
    expect(page.locator("#progress-told")).to_have_text("Waiting for its turn …")
    page.get_by_role("button", name="Cancel").click()

    expect(page.locator("#verdict")).to_contain_text("Cancelled")
