"""How long the page takes to follow the hand: from moving a slider to the painted prediction, network and map.

    python -m tests.bench.page [--moves 200]

Needs chromium. Times are of the whole way in the browser, the service's answer included.
"""

import argparse

import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.app.web.conftest import CHROMIUM, QUIET
from tests.bench.promises import insist
from tests.bench.servers import service
from tests.bench.stores import temporary_store

_MAX_MOVE_MILLISECONDS = 50
_MAX_MAP_MILLISECONDS = 300
# Moves a slider and waits until everything of a kind has been painted for the flower that it makes.
_MOVE = """async ([moves, seen]) => {
  const sliders = [...document.querySelectorAll("#sliders input[type=range]")];
  const frame = () => new Promise(requestAnimationFrame);
  const took = [];
  for (const [index, value] of moves) {
    const began = performance.now();
    sliders[index].value = value;
    sliders[index].dispatchEvent(new Event("input", { bubbles: true }));
    const flower = sliders.map((slider) => Number(slider.value)).join(" ");
    while (!seen.every((id) => document.getElementById(id).dataset.flower?.startsWith(flower))) await frame();
    await frame();
    took.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return took;
}"""


def moves(count: int) -> list[tuple[int, float]]:
    """Sliders, and where to move them; never to where they are."""
    rng = np.random.default_rng(0)
    places = rng.permutation(np.linspace(0.5, 4.0, count).round(3) if count < 36 else np.arange(count) % 35 / 10 + 0.5)
    return [(int(rng.integers(4)), float(place)) for place in places]


def opened(page: Page, address: str) -> None:
    """The page, when all of it has been painted."""
    page.goto(address)
    page.wait_for_selector("#map-legend li")
    page.wait_for_timeout(1000)


def measure(page: Page, count: int, *seen: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Milliseconds of each move."""
    return np.array(page.evaluate(_MOVE, [moves(count), list(seen)]))


def main() -> None:
    """Print the medians and the 95th percentiles, and insist on the promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=200)
    options = parser.parse_args()
    with temporary_store() as store, service(store.root) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        opened(page, address)
        move = measure(page, options.moves, "prediction", "diagram")
        whole = measure(page, options.moves, "map")
        recipe = {"hidden_layers": [512, 512, 512], "epochs": 1, "promote": "always"}
        httpx.post(f"{address}/train?wait=30", json=recipe, timeout=60).raise_for_status()
        opened(page, address)
        wide = measure(page, options.moves, "prediction", "diagram")
        browser.close()
    for what, took in (
        ("prediction and network", move),
        ("decision map, 100 by 100", whole),
        ("prediction and network, 4-512-512-512-3", wide),
    ):
        print(f"{what}: median {np.median(took):.1f} ms, 95th percentile {np.percentile(took, 95):.1f} ms")
    insist(
        {
            "prediction and network within 50 ms at the median": bool(np.median(move) <= _MAX_MOVE_MILLISECONDS),
            "of a wide one too": bool(np.median(wide) <= _MAX_MOVE_MILLISECONDS),
            "the map within 300 ms": bool(np.percentile(whole, 95) <= _MAX_MAP_MILLISECONDS),
        }
    )


if __name__ == "__main__":
    main()
