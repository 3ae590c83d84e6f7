"""How the page behaves towards everybody: any width, any input, any light, and nobody else's servers."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.app.web.conftest import Visit
from tests.services import Service, free_port, until

SERIOUS = {"serious", "critical"}


def see_everything(page: Page) -> None:
    """Down to the end, so that all that comes late has come."""
    expect(page.locator("#version-list tbody tr").first).to_be_attached()
    for section in ("learned", "train", "versions"):
        page.locator(f"#{section}").scroll_into_view_if_needed()
    for chart in ("calibration", "loss", "accuracy"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        expect(page.locator(f"#{chart} svg").first).to_be_attached()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_keeps_anybody_out(scheme: str, width: int, browser: Browser, service: Service) -> None:
    visit = Visit(
        browser, service.address, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = visit.open()
    see_everything(page)
    page.get_by_text("More choices").click()
    found = Axe().run(page).response["violations"]

    assert [] == [(each["id"], [node["html"] for node in each["nodes"]]) for each in found if each["impact"] in SERIOUS]
    visit.check()
    page.close()


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 2560])
def test_no_width_makes_the_page_scroll_sideways(width: int, browser: Browser, service: Service) -> None:
    visit = Visit(browser, service.address, viewport={"width": width, "height": 740})
    page = visit.open()
    see_everything(page)

    assert width >= page.evaluate("document.documentElement.scrollWidth")
    visit.check()
    page.close()


def test_all_that_is_fetched_is_less_than_two_megabytes(browser: Browser, service: Service) -> None:
    visit = Visit(browser, service.address)
    network = visit.page.context.new_cdp_session(visit.page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    see_everything(visit.open())

    assert 1_000_000 < sum(sizes) < 2_000_000  # with the charts, which are most of it
    visit.page.close()


def tab_to(page: Page, selector: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not come to {selector}")


def test_with_the_keyboard_alone_a_flower_is_measured_and_the_network_trained(page: Page) -> None:
    expect(page.locator("#recipe-epochs")).to_be_visible()
    tab_to(page, "a.skip")
    page.keyboard.press("Enter")
    tab_to(page, "input[aria-label^='Petal length']")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    tab_to(page, "#petal_width")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.2")
    expect(page.locator("#species")).to_have_text("setosa")
    tab_to(page, "#start")
    page.keyboard.press("Enter")

    expect(page.locator("#verdict")).to_contain_text("romoted")


def test_the_focus_is_never_lost_when_a_button_has_done_its_work(page: Page, service: Service) -> None:
    focused = "() => document.activeElement.id"
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("romoted")
    assert "start" == page.evaluate(focused)
    page.locator("#recipe-hidden_layers").fill("512, 512")
    page.locator("#recipe-epochs").fill("10000")
    page.locator("#start").click()
    page.locator("#cancel").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("Cancelled")
    assert "start" == page.evaluate(focused)
    button = page.locator("#version-list button").first
    version = (button.get_attribute("id") or "").removeprefix("promote-")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#serving")).to_have_attribute("data-version", version)
    expect(page.locator(f"#compare-{version}")).to_be_focused()


def test_the_focus_stays_where_it_was_when_the_versions_are_listed_anew(page: Page, service: Service) -> None:
    box = page.locator("#version-list input[type=checkbox]").first
    box.focus()
    name = box.get_attribute("id")
    version = service.train(epochs=5, promote="always")["model_version"]
    expect(page.locator(f'#version-list [data-version="{version}"]')).to_be_attached()

    assert name == page.evaluate("document.activeElement.id")


@pytest.fixture
def without_a_model(tmp_path: Path) -> Iterator[Service]:
    """A service that has no table to learn from, and so no model."""
    port = free_port()
    command = [sys.executable, "-m", "app", "--port", str(port)]
    service = Service(tmp_path / "artifacts", command, port, {**os.environ, "IRIS_DATA": str(tmp_path / "none.csv")})

    def lives() -> bool:
        try:
            return httpx.get(f"{service.address}/health/live").status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(lives)
        yield service
    finally:
        service.kill()


def test_a_service_that_is_not_ready_says_so_and_can_be_given_a_table(
    browser: Browser, without_a_model: Service
) -> None:
    visit = Visit(browser, without_a_model.address)
    page = visit.open()
    expect(page.locator("#notice")).to_contain_text("The service is not ready")
    expect(page.locator("#took")).to_contain_text("There is no model yet")
    page.locator("#file").set_input_files(Path("data/Iris.csv"))
    expect(page.locator("#table-told")).to_contain_text("150 rows")
    visit.check("503")
    page.close()
