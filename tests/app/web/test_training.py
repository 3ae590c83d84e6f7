"""Retraining on the page: progress, curves, verdict, cancel, one's own table, the administrators' token."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.web.conftest import Visit, table
from tests.services import Service, started

TOKEN = "the administrators' token"


def train(page: Page, **recipe: Any) -> None:
    for name, value in recipe.items():
        field = page.locator(f"#recipe-{name}")
        if field.evaluate("(field) => field.closest('details:not([open])') !== null"):
            page.get_by_text("More choices").click()
        if field.evaluate("(field) => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(str(value))
    page.get_by_role("button", name="Train", exact=True).click()


def test_every_choice_of_the_api_is_on_the_form(page: Page, service: Service) -> None:
    schemas = httpx.get(f"{service.address}/openapi.json").json()["components"]["schemas"]
    names = set(schemas["TrainingRequest"]["properties"]) - {"dataset", "cross_validation"}

    expect(page.locator("#recipe-epochs")).to_be_visible()
    shown = page.evaluate("[...document.querySelectorAll('[id^=recipe-]')].map(({ id }) => id)")
    assert {*names, "cross_validation.folds"} <= {name.removeprefix("recipe-") for name in shown}
    expect(page.locator("#table option")).to_have_count(1)


def test_a_run_draws_its_curves_is_promoted_and_serves_the_next_prediction(page: Page, service: Service) -> None:
    before = page.locator("#serving").get_attribute("data-version")
    train(page, epochs=60, seed=3)

    expect(page.locator("#verdict")).to_contain_text(re.compile(r"Promoted Accuracy 0\.\d+ on 23 rows"))
    expect(page.locator("#loss")).to_have_attribute("data-epochs", "60")
    expect(page.locator("#loss .scatterlayer path.js-line")).to_have_count(2)
    after = page.locator("#serving").get_attribute("data-version")
    assert before != after
    with page.expect_response("**/predict") as answered:
        page.get_by_label("Petal length", exact=True).fill("5.1")
    assert after == answered.value.json()["model_version"]
    expect(page.locator(f'#version-list [data-version="{after}"]')).to_contain_text("now")


def test_progress_flows_while_a_long_run_trains_and_cancel_ends_it(page: Page) -> None:
    before = page.locator("#serving").get_attribute("data-version")
    train(page, hidden_layers="512, 512", epochs=10_000)
    epochs = re.compile(r"Epoch \d+ of at most 10000")

    expect(page.locator("#progress-told")).to_have_text(epochs)
    seen = page.locator("#progress-told").inner_text()
    expect(page.locator("#progress-told")).not_to_have_text(seen)
    expect(page.locator("#loss")).to_have_attribute("data-epochs", re.compile("[1-9]"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#verdict")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    assert before == page.locator("#serving").get_attribute("data-version")


def test_a_run_that_goes_on_already_is_watched_by_who_comes_later(visit: Visit, service: Service) -> None:
    run = service.train(wait=0, hidden_layers=[512, 512], epochs=10_000)
    page = visit.open()

    expect(page.locator("#progress-told")).to_have_text(re.compile(r"Epoch \d+ of"))
    httpx.delete(f"{service.address}/train/{run['id']}").raise_for_status()
    expect(page.locator("#verdict")).to_contain_text("Cancelled")
    visit.check()


def test_a_model_that_the_gate_refuses_does_not_serve_and_the_figures_say_why(page: Page) -> None:
    before = page.locator("#serving").get_attribute("data-version")
    train(page, epochs=1, learning_rate="0.00001")

    expect(page.locator("#verdict")).to_contain_text(re.compile(r"Not promoted Accuracy 0\.\d+ .* at least 0\.9"))
    assert before == page.locator("#serving").get_attribute("data-version")
    page.get_by_role("button", name="Make it current all the same").click()
    expect(page.locator("#serving")).not_to_have_attribute("data-version", before or "")


def test_a_recipe_that_makes_no_sense_is_refused_at_its_field(visit: Visit) -> None:
    train(visit.page, optimizer="adam", learning_rate="0.01", momentum="0.5", hidden_layers="5, x")

    expect(visit.page.locator("#recipe-hidden_layers-told")).to_contain_text("valid integer")
    visit.page.locator("#recipe-hidden_layers").fill("5")
    visit.page.get_by_role("button", name="Train", exact=True).click()
    expect(visit.page.locator("#recipe-momentum-told")).to_contain_text("0 with adam")
    expect(visit.page.locator("#recipe-momentum")).to_be_visible()
    visit.check("422")


def test_a_bad_table_is_told_by_row_and_column(visit: Visit, tmp_path: Path) -> None:
    rows = "5.1,3.5,1.4,0.2,setosa\n4.9,abc,1.4,0.2,setosa\n4.7,3.2,99,0.2,setosa"
    visit.page.locator("#file").set_input_files(table(tmp_path / "bad.csv", rows))

    problems = visit.page.locator("#table-told tbody tr")
    expect(problems).to_have_count(2)
    expect(problems.nth(0)).to_contain_text(re.compile(r"3\s*SepalWidthCm\s*not a number"))
    expect(problems.nth(1)).to_contain_text(re.compile(r"4\s*PetalLengthCm"))
    visit.check("422")


def test_a_table_is_dropped_learned_from_and_its_species_are_told(page: Page, tmp_path: Path) -> None:
    rows = [f"{5 + i / 20},3.0,{1.5 if i % 2 else 5.5},0.4,{'Linnet' if i % 2 else 'Swift'}" for i in range(40)]
    data = table(tmp_path / "My Birds (2).csv", "\n".join(rows)).read_text()
    page.evaluate(
        """(text) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([text], "My Birds (2).csv", { type: "text/csv" }));
          const drop = new DragEvent("drop", { dataTransfer: dropped, bubbles: true });
          document.getElementById("drop").dispatchEvent(drop);
        }""",
        data,
    )
    expect(page.locator("#table-told")).to_contain_text("my-birds-2: 40 rows, 20 Linnet, 20 Swift")
    assert "my-birds-2" == page.locator("#table").input_value()
    train(page, epochs=100, promote="if_good")
    expect(page.locator("#verdict")).to_contain_text("promote it if that is meant")
    page.get_by_role("button", name="Make it current all the same").click()

    expect(page.locator("#scores .name")).to_have_text(["Linnet", "Swift"])
    expect(page.locator("#map-legend")).to_contain_text("Linnet")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    environment = {"IRIS_ADMIN_TOKEN": TOKEN}
    with started(tmp_path_factory.mktemp("guarded") / "artifacts", environment=environment) as service:
        yield service


def test_where_training_is_refused_the_token_is_asked_for_and_kept_for_the_tab(
    browser: Browser, guarded: Service
) -> None:
    visit = Visit(browser, guarded.address)
    page = visit.open()
    train(page, epochs=5, promote="always")
    for token, told in (("a wrong one", "That is not the token."), (TOKEN, "")):
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Go on").click()
        if told:
            expect(page.locator("#token-told")).to_have_text(told)
    expect(page.locator("#verdict")).to_contain_text("Promoted")
    train(page, epochs=6)
    expect(page.locator("#loss")).to_have_attribute("data-epochs", "6")

    assert [0, TOKEN] == page.evaluate("[localStorage.length, sessionStorage.getItem('iris-token')]")
    visit.check("401")
    page.close()


def test_who_has_no_token_leaves_and_the_page_goes_on(browser: Browser, guarded: Service) -> None:
    visit = Visit(browser, guarded.address)
    page = visit.open()
    train(page, epochs=5)
    page.get_by_role("button", name="Leave it").click()

    expect(page.locator("#recipe-told")).to_contain_text("Send the administrators' token")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    page.get_by_role("button", name="setosa", exact=True).click()
    expect(page.locator("#species")).to_have_text("setosa")
    visit.check("401")
    page.close()
