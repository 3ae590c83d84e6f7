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
