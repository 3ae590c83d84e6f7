"""Tables unlike the built-in one: many species, long names, names that are numbers, many rows."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.app.web.conftest import Visit, promoted
from tests.services import Service, started

LONG = ("x" * 64, "Iris with a name that goes on and on until it has 64 letters. no")


def rows_of(species: tuple[str, ...], count: int) -> bytes:
    lines = [
        f"{4 + i % 17 / 10},{2 + i % 13 / 10},{1 + i % len(species)},{0.5 + i / count:.5f},{species[i % len(species)]}"
        for i in range(count)
    ]
    return "\n".join(["sepal_length,sepal_width,petal_length,petal_width,species", *lines]).encode()


TABLES = {
    "numbers": rows_of(("10", "9", "setosa"), 60),
    "long": rows_of(LONG, 40),
    "twenty": rows_of(tuple(f"kind {chr(97 + i)} of the collection" for i in range(20)), 400),
    "thousand": rows_of(("a", "b", "c"), 1000),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(tmp_path_factory.mktemp("strange") / "artifacts") as service:
        for name, content in TABLES.items():
            headers = {"content-type": "text/csv"}
            httpx.put(f"{service.address}/datasets/{name}", content=content, headers=headers).raise_for_status()
        yield service


def learned(service: Service, page: Page, dataset: str) -> Page:
    promoted(page, service.train(dataset=dataset, epochs=30, promote="always")["model_version"])
    expect(page.locator("#map-legend")).to_contain_text("Crossed")
    return page


def test_species_that_are_numbers_have_one_colour_everywhere(page: Page, service: Service) -> None:
    learned(service, page, "numbers")
    page.get_by_role("button", name="9", exact=True).click()

    expect(page.locator("#scores .name")).to_have_text(["10", "9", "setosa"])
    expect(page.locator("#species")).to_have_text("9")
    places = ("#scores .score:nth-child(2)", "#species", "#flower", "#map-legend li:nth-child(2) i")
    told = "(selector) => document.querySelector(selector).style.getPropertyValue('--colour')"
    colours = [page.evaluate(told, place) for place in places]
    assert 1 == len(set(colours))


@pytest.mark.parametrize("dataset", ["long", "twenty"])
def test_nothing_keeps_anybody_out_nor_scrolls_sideways(dataset: str, browser: Browser, service: Service) -> None:
    visit = Visit(browser, service.address, viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    page = learned(service, visit.open(), dataset)
    found = Axe().run(page).response["violations"]

    assert [] == [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in {"serious", "critical"}]
    assert 360 >= page.evaluate("document.documentElement.scrollWidth")
    visit.check()
    page.close()


@pytest.mark.parametrize("width", [360, 1440])
def test_labels_of_long_names_stay_in_the_drawing_and_tell_the_whole(
    width: int, browser: Browser, service: Service
) -> None:
    visit = Visit(browser, service.address, viewport={"width": width, "height": 740})
    page = learned(service, visit.open(), "long")
    outside = page.evaluate("""() => {
      const frame = document.querySelector("#diagram").getBoundingClientRect();
      return [...document.querySelectorAll("#diagram text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1;
      }).length;
    }""")

    assert 0 == outside
    titles = page.locator("#diagram title").all_text_contents()
    assert {LONG[0], LONG[1].removeprefix("Iris ")} <= set(titles)
    page.close()


def test_twenty_species_are_drawn_each_for_itself(page: Page, service: Service) -> None:
    learned(service, page, "twenty")

    expect(page.locator("#diagram circle")).to_have_count(4 + 5 + 10 + 20)
    expect(page.locator("#map-legend")).to_contain_text("and 8 more")


def test_a_thousand_rows_stay_below_two_megabytes_with_all_the_rest(
    browser: Browser, service: Service, page: Page
) -> None:
    learned(service, page, "thousand")
    visit = Visit(browser, service.address)
    network = visit.page.context.new_cdp_session(visit.page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    fresh = visit.open()
    expect(fresh.locator("#map-legend")).to_contain_text("Crossed")
    for chart in ("calibration", "loss"):
        fresh.locator(f"#{chart}").scroll_into_view_if_needed()
        expect(fresh.locator(f"#{chart} svg").first).to_be_attached()

    assert sum(sizes) < 2_000_000
    assert 1 == sum("/rows" in url for url in visit.fetched)
    fresh.close()


def test_a_table_of_the_name_of_another_does_not_replace_it_and_can_be_deleted(page: Page, service: Service) -> None:
    file = {"name": "Iris.csv", "mimeType": "text/csv", "buffer": Path("data/Iris.csv").read_bytes()}
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator("#table-told")).to_contain_text("iris-2: 150 rows")
    page.get_by_role("button", name="Delete it").click()

    expect(page.locator("#table-told")).to_have_text("iris-2 is deleted.")
    expect(page.locator("#table option")).to_have_count(1 + len(TABLES))
    assert "iris" == page.locator("#table").input_value()
    expect(page.get_by_role("button", name="Delete it")).to_be_hidden()
