"""The decision map, and the flower that is dragged over it."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.services import Service

# Where a point of the map lies in centimetres, and which species' colour it has there, if one is sure.
LOOK = """async (points) => {
  const { colour } = await import("/page/names.js");
  const { state } = await import("/page/state.js");
  const canvas = document.getElementById("map");
  const pen = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const image = pen.getImageData(0, 0, canvas.width, canvas.height);
  const at = (x, y) => image.data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 4);
  return points.map(([x, y]) => {
    const found = at(Math.round(x * devicePixelRatio), Math.round(y * devicePixelRatio));
    const far = state.model.card.species.map((_, index) =>
      Math.hypot(...colour(index).map((channel, each) => channel - found[each])));
    return far.indexOf(Math.min(...far));
  });
}"""
PETAL_LENGTH, PETAL_WIDTH = 2, 3


def centimetres(page: Page) -> tuple[float, float]:
    return tuple(float(page.locator(f"#{name}").input_value()) for name in ("petal_length", "petal_width"))  # type: ignore[return-value]


@pytest.fixture
def painted(page: Page) -> Page:
    expect(page.locator("#map")).to_have_attribute("data-flower", re.compile("^5.8 3.1 3.8 1.2 2 3 "))
    expect(page.locator("#map-legend")).to_contain_text("virginica")
    page.locator("#map").scroll_into_view_if_needed()
    return page


def test_the_map_has_the_colour_of_the_species_that_the_service_tells(painted: Page, service: Service) -> None:
    """Where the flower is put on the map, in a place without a row of the table, its colour is that of the answer."""
    seen = []
    box = painted.locator("#map").bounding_box()
    assert box
    for x, y in [(0.2, 0.55), (0.45, 0.75), (0.62, 0.55), (0.93, 0.3), (0.35, 0.8)]:
        painted.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        length, width = centimetres(painted)
        expect(painted.locator("#map")).to_have_attribute("data-flower", re.compile(f" {length:g} {width:g} 2 3 "))
        flower = {"sepal_length": 5.8, "sepal_width": 3.1, "petal_length": length, "petal_width": width}
        answer = httpx.post(f"{service.address}/predict", json=flower).json()
        # Beside the marker, which is no part of the canvas: the very place.
        index = painted.evaluate(LOOK, [[x * box["width"], y * box["height"]]])[0]
        seen.append((list(answer["scores"])[index], answer["species"]))

    assert [species for _, species in seen] == [colour for colour, _ in seen]
    assert len({species for _, species in seen}) > 1


def test_the_flower_is_dragged_over_the_map(painted: Page) -> None:
    marker = painted.locator("#marker").bounding_box()
    assert marker
    before = centimetres(painted)
    painted.mouse.move(marker["x"] + 12, marker["y"] + 12)
    painted.mouse.down()
    painted.mouse.move(marker["x"] + 92, marker["y"] - 40, steps=5)
    painted.mouse.up()
    after = centimetres(painted)

    assert after[0] > before[0] + 0.3
    assert after[1] > before[1] + 0.1


def test_arrow_keys_move_the_flower_on_the_map(painted: Page) -> None:
    painted.locator("#marker").focus()
    painted.keyboard.press("ArrowRight")
    painted.keyboard.press("ArrowUp")

    expect(painted.locator("#petal_length")).to_have_value("3.9")
    expect(painted.locator("#petal_width")).to_have_value("1.3")


def test_other_measurements_can_be_chosen_but_not_one_twice(painted: Page) -> None:
    painted.locator("#map-x").select_option(label="petal width")

    assert "0" == painted.locator("#map-y").input_value()
    expect(painted.locator("#map")).to_have_attribute("aria-label", re.compile("petal width and sepal length"))


def test_rows_that_are_taken_for_another_species_are_counted(painted: Page, service: Service) -> None:
    version = painted.locator("#serving").get_attribute("data-version")
    rows = httpx.get(f"{service.address}/models/{version}/rows").json()["specimens"]
    wrong = sum(row["species"] != row["predicted"] for row in rows)

    expect(painted.locator("#map")).to_have_attribute("aria-label", re.compile(f"150 rows, of which {wrong} are taken"))


def test_the_map_changes_when_the_model_does(painted: Page, service: Service) -> None:
    before = painted.evaluate("document.getElementById('map').toDataURL()")
    version = service.train(epochs=300, hidden_layers=[3], promote="always")["model_version"]
    expect(painted.locator("#map")).to_have_attribute("data-flower", re.compile(version))

    assert before != painted.evaluate("document.getElementById('map').toDataURL()")
