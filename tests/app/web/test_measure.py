"""Measuring a flower: what is shown is what the service answers, and what its network computes."""

from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from model.features import FEATURES
from tests.app.web.conftest import promoted
from tests.services import Service

SETOSA = (5.1, 3.5, 1.4, 0.2)
VIRGINICA = (6.4, 3.1, 5.5, 2.1)
SCORES_ON_PAGE = """async (flowers) => {
  const { state } = await import("/page/state.js");
  return flowers.map((flower) => Array.from(state.model.network.propagate(flower).at(-1)));
}"""


def measure(page: Page, flower: tuple[float, ...]) -> None:
    for slider, value in zip(page.locator("#sliders input[type=range]").all(), flower, strict=True):
        slider.fill(str(value))


def answer(service: Service, flower: tuple[float, ...]) -> dict[str, Any]:
    measurements = dict(zip(FEATURES, flower, strict=True))
    found: dict[str, Any] = httpx.post(f"{service.address}/predict", json=measurements).json()
    return found


def told(page: Page, flower: tuple[float, ...]) -> None:
    """Wait until the page tells of this flower."""
    expect(page.locator("#prediction")).to_have_attribute("data-flower", " ".join(f"{value:g}" for value in flower))


@pytest.mark.parametrize(("flower", "species"), [(SETOSA, "setosa"), (VIRGINICA, "virginica")])
def test_sliders_tell_the_species_with_the_scores_that_the_service_answers(
    flower: tuple[float, ...], species: str, page: Page, service: Service
) -> None:
    measure(page, flower)
    told(page, flower)

    expect(page.locator("#species")).to_have_text(species)
    scores = [f"{score:.3f}" for score in answer(service, flower)["scores"].values()]
    assert scores == page.locator("#scores .value").all_inner_texts()
    assert "ms" in page.locator("#took").inner_text()


def test_a_screen_reader_is_told_the_species_once_the_hand_rests(page: Page) -> None:
    measure(page, SETOSA)

    expect(page.locator("#spoken")).to_contain_text("setosa, confidence")


def test_what_each_measurement_adds_is_what_the_service_explains(page: Page, service: Service) -> None:
    measure(page, VIRGINICA)
    measurements = dict(zip(FEATURES, VIRGINICA, strict=True))
    found = httpx.post(f"{service.address}/predict?explain=true", json=measurements).json()["explanation"]

    shown = [f"{value:+.3f}".replace("-", "−") for value in found["contributions"].values()]
    expect(page.locator("#reasons .value")).to_have_text(shown)


def test_a_flower_unlike_the_others_is_warned_of(page: Page) -> None:
    page.get_by_role("button", name="a stranger").click()

    expect(page.locator("#out-of-range")).to_contain_text("petal length")


def test_examples_are_flowers_of_the_table(page: Page) -> None:
    page.get_by_role("button", name="setosa", exact=True).click()

    expect(page.locator("#species")).to_have_text("setosa")


def test_a_field_says_what_is_wrong_in_the_words_of_the_service(visit: Any) -> None:
    page = visit.page
    field = page.get_by_label("Sepal width", exact=True)
    field.fill("31")

    expect(page.locator("#sepal_width-told")).to_have_text("Input should be less than or equal to 30")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("3.1")
    expect(page.locator("#sepal_width-told")).to_have_text("")
    field.fill("")
    expect(page.locator("#sepal_width-told")).to_have_text("Enter a number of centimetres.")
    visit.check("422")


def test_the_flower_is_drawn_to_measure(page: Page) -> None:
    measure(page, (6.0, 3.0, 4.0, 1.5))
    told(page, (6.0, 3.0, 4.0, 1.5))
    boxes = page.evaluate("""() => ["sepal", "petal"].map((kind) => {
      const { width, height } = document.querySelector(`#flower path.${kind}`).getBBox();
      return [height, width];
    })""")

    assert pytest.approx([6.0, 3.0, 4.0, 1.5], rel=0.02) == [*boxes[0], *boxes[1]]


@pytest.mark.parametrize(
    "recipe",
    [
        {"hidden_layers": [5, 10]},
        {"hidden_layers": [7], "activation": "tanh", "output": "softmax"},
        {"hidden_layers": [8, 8], "activation": "relu", "standardize": False, "learning_rate": 0.01},
        {"hidden_layers": []},
    ],
    ids=str,
)
def test_the_network_on_the_page_scores_as_the_service_does(
    recipe: dict[str, Any], page: Page, service: Service
) -> None:
    version = service.train(epochs=20, promote="always", **recipe)["model_version"]
    promoted(page, version)
    flowers = np.random.default_rng(0).uniform(0.1, 10, (50, 4)).round(2)
    batch = {"flowers": [dict(zip(FEATURES, flower, strict=True)) for flower in flowers.tolist()]}
    answered = httpx.post(f"{service.address}/predict/batch", json=batch).json()
    expected = [list(prediction["scores"].values()) for prediction in answered["predictions"]]

    assert version == answered["model_version"]
    np.testing.assert_allclose(page.evaluate(SCORES_ON_PAGE, flowers.tolist()), expected, rtol=0, atol=1e-12)
