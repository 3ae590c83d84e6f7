"""The pictures of the page in the README.

    python -m tests.bench.screenshots

Needs chromium. Writes page-light.png and page-dark.png beside this script.
"""

from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, sync_playwright

from tests.app.web.conftest import CHROMIUM, QUIET
from tests.bench.servers import service
from tests.bench.stores import temporary_store

_SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_PARTS: Final = {"light": "#versions", "dark": "#learned"}  # down to which, so that both together show all


def take(browser: Browser, address: str, scheme: Literal["light", "dark"]) -> None:
    """A picture of the page with a flower measured and a run trained."""
    page = browser.new_page(viewport={"width": 1360, "height": 900}, color_scheme=scheme)
    page.goto(address)
    page.get_by_role("button", name="virginica", exact=True).click()
    page.locator("#start").click()
    page.wait_for_selector("#verdict strong")
    for chart in ("calibration", "accuracy"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{chart} .main-svg")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(2000)
    for flower in ("versicolor", "virginica"):  # asked for again, now that the browser has nothing else to do
        page.get_by_role("button", name=flower, exact=True).click()
        page.wait_for_timeout(500)
    box = page.locator(_PARTS[scheme]).bounding_box()
    assert box
    clip = {"x": 0, "y": 0, "width": 1360, "height": box["y"] + box["height"] + 16}
    page.screenshot(path=Path(__file__).with_name(f"page-{scheme}.png"), full_page=True, clip=clip)  # type: ignore[arg-type]
    page.close()


def main() -> None:
    """Take both."""
    with temporary_store() as store, service(store.root) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        for scheme in _SCHEMES:
            take(browser, address, scheme)
        browser.close()


if __name__ == "__main__":
    main()
