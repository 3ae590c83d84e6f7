"""The stored versions on the page."""

import httpx
from playwright.sync_api import Page, expect

from tests.app.web.conftest import promoted
from tests.services import Service


def test_an_older_version_is_made_current_and_answers_the_next_prediction(page: Page, service: Service) -> None:
    first = page.locator("#serving").get_attribute("data-version")
    second = service.train(epochs=30, promote="always")["model_version"]
    promoted(page, second)
    page.locator(f'#version-list [data-version="{first}"]').get_by_role("button").click()

    promoted(page, first)
    expect(page.locator(f'#version-list [data-version="{first}"]')).to_contain_text("now")
    expect(page.locator(f'#version-list [data-version="{second}"]')).to_contain_text("served just now")
    with page.expect_response("**/predict") as answered:
        page.get_by_label("Petal length", exact=True).fill("5.2")
    assert first == answered.value.json()["model_version"]


def test_two_versions_are_compared_by_curves_and_matrices(page: Page, service: Service) -> None:
    for epochs in (10, 20):
        service.train(epochs=epochs, promote="always")
    expect(page.locator("#version-list tbody tr").nth(2)).to_be_visible()
    for row in (0, 1, 2):
        page.locator("#version-list input[type=checkbox]").nth(row).check()

    expect(page.locator("#version-list input:checked")).to_have_count(2)
    expect(page.locator("#comparison-models table")).to_have_count(2)
    expect(page.locator("#comparison-chart .scatterlayer path.js-line")).to_have_count(2)
    page.locator("#version-list input:checked").first.uncheck()
    expect(page.locator("#comparison")).to_be_hidden()


def test_accuracy_recipe_and_table_of_each_are_those_of_its_card(page: Page, service: Service) -> None:
    version = service.train(epochs=7, hidden_layers=[6], activation="tanh", promote="never")["model_version"]
    page.reload()
    card = httpx.get(f"{service.address}/models/{version}").json()["card"]
    row = page.locator(f'#version-list [data-version="{version}"]')

    expect(row).to_contain_text(f"{100 * card['evaluation']['test']['accuracy']:.1f} %")
    expect(row).to_contain_text("6, tanh, 7 epochs, rate 0.15")
    expect(row).to_contain_text("iris")


def test_confusion_and_scores_are_those_of_the_evaluation(page: Page, service: Service) -> None:
    evaluation = httpx.get(f"{service.address}/models/current").json()["card"]["evaluation"]
    for part in ("test", "validation", "training"):
        page.locator("#part").select_option(part)
        counts = [str(count) for row in evaluation[part]["confusion"] for count in row]
        expect(page.locator("#confusion tbody td")).to_have_text(counts)
        figures = [
            text
            for score in evaluation[part]["species"].values()
            for text in (*(f"{score[name]:.3f}" for name in ("precision", "recall", "f1")), str(score["rows"]))
        ]
        expect(page.locator("#by-species td")).to_have_text(figures)
