"""The network as it is drawn."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.app.web.conftest import promoted
from tests.services import Service


def test_every_neuron_and_every_weight_of_the_tutorials_network_is_drawn(page: Page) -> None:
    expect(page.locator("#diagram circle")).to_have_count(4 + 5 + 10 + 3)
    expect(page.locator("#diagram line")).to_have_count(4 * 5 + 5 * 10 + 10 * 3)


def test_pointing_at_a_neuron_tells_its_numbers(page: Page) -> None:
    page.locator("#diagram circle").nth(5).hover()

    expect(page.locator("#diagram-told")).to_have_text(
        re.compile(r"^layer 1, neuron 2: activation [\d.]+, bias −?[\d.]+$")
    )


def test_pointing_at_a_line_tells_its_weight(page: Page) -> None:
    line = page.locator("#diagram line").first
    middle = line.evaluate("""(line) => {
      const { left, top } = line.ownerSVGElement.getBoundingClientRect();
      const at = (one, other) => (line.getAttribute(one) * 1 + line.getAttribute(other) * 1) / 2;
      return [left + at("x1", "x2"), top + at("y1", "y2")];
    }""")
    page.mouse.move(*middle)

    expect(page.locator("#diagram-told")).to_have_text(
        re.compile(r"→ layer 1, neuron \d: weight .* × activation .* = ")
    )


def test_arrow_keys_go_from_neuron_to_neuron(page: Page) -> None:
    page.locator("#diagram").focus()
    for key, told in [
        ("ArrowDown", "sepal length"),
        ("ArrowDown", "sepal width"),
        ("ArrowRight", "layer 1, neuron 2"),
        ("ArrowRight", "layer 2, neuron 2"),
        ("ArrowRight", "versicolor"),
        ("ArrowUp", "setosa"),
        ("ArrowRight", "setosa"),
    ]:
        page.keyboard.press(key)
        expect(page.locator("#diagram-told")).to_contain_text(f"{told}: ")


def test_what_lights_up_changes_with_the_flower(page: Page) -> None:
    lit = "() => [...document.querySelectorAll('#diagram circle')].map(({ style }) => style.getPropertyValue('--lit'))"
    before = page.evaluate(lit)
    page.get_by_label("Petal length", exact=True).fill("6.2")
    expect(page.locator("#diagram")).to_have_attribute("data-flower", re.compile("6.2"))

    assert before != page.evaluate(lit)


def test_each_neuron_shows_what_it_reacts_to(page: Page) -> None:
    """A small map of its activation: that of petal length rises from left to right, and that of petal width upwards."""
    page.locator("#reactions").check()
    expect(page.locator("#diagram")).to_have_attribute("data-reactions", re.compile("^5.8 3.1 3.8 1.2 2 3 "))
    expect(page.locator("#diagram image[href]")).to_have_count(4 + 5 + 10 + 3)
    lit = page.evaluate("""async () => {
      const pixels = async (index) => {
        const picture = new Image();
        picture.src = document.querySelectorAll("#diagram image")[index].getAttribute("href");
        await picture.decode();
        const pen = new OffscreenCanvas(20, 20).getContext("2d", { willReadFrequently: true });
        pen.drawImage(picture, 0, 0);
        return (x, y) => pen.getImageData(x, y, 1, 1).data;
      };
      const [length, width] = [await pixels(2), await pixels(3)];
      return {
        left: [...length(0, 10)], right: [...length(19, 10)], top: [...width(10, 0)], bottom: [...width(10, 19)],
      };
    }""")
    blue, amber = 2, 0

    assert lit["left"][amber] > lit["left"][blue]  # below the mean
    assert lit["right"][blue] > lit["right"][amber]
    assert lit["bottom"][amber] > lit["bottom"][blue]
    assert lit["top"][blue] > lit["top"][amber]
    page.locator("#map-x").select_option(label="sepal width")
    expect(page.locator("#diagram")).to_have_attribute("data-reactions", re.compile("^5.8 3.1 3.8 1.2 1 3 "))
    page.locator("#reactions").uncheck()
    expect(page.locator("#diagram image").first).to_be_hidden()


@pytest.mark.parametrize("layers", [[512], [40, 3, 512]], ids=str)
def test_wide_layers_are_summarised_and_nothing_is_clipped(layers: list[int], page: Page, service: Service) -> None:
    version = service.train(epochs=1, hidden_layers=layers, promote="always")["model_version"]
    promoted(page, version)

    expect(page.locator("#diagram circle")).to_have_count(4 + sum(min(size, 14) for size in layers) + 3)
    expect(page.locator("#diagram")).to_contain_text("512 in 14 groups")
    outside = page.evaluate("""() => {
      const frame = document.querySelector("#diagram").getBoundingClientRect();
      return [...document.querySelectorAll("#diagram circle, #diagram text")].filter((each) => {
        const box = each.getBoundingClientRect();
        return box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
      }).map((each) => each.outerHTML);
    }""")
    assert [] == outside
