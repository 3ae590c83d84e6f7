"""Tables of one's own: brought, looked at, trained on, deleted; and all that is no such table."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from starlette.types import Message

from app.settings import Settings
from model.run import Status
from model.store import Store
from tests.app.conftest import FLOWER, Client, running
from tests.model.tables import IRIS, LINES, table, with_cell, with_line

CSV = {"content-type": "text/csv"}
TABLE = IRIS.read_bytes()
SHORT = {"epochs": 1, "seed": 1}


def put(client: Client, name: str, data: bytes | AsyncIterator[bytes] = TABLE) -> httpx.Response:
    return client.request("PUT", f"/datasets/{name}", content=data, headers=CSV)


def places(response: httpx.Response) -> list[str]:
    """Where the problems are that a table was refused for."""
    assert 422 == response.status_code, response.text
    assert "application/problem+json" == response.headers["content-type"]
    return [error["field"] for error in response.json()["errors"]]


def files(store: Store) -> set[str]:
    """What is stored of tables and datasets, whole or half."""
    return {path.name for folder in ("tables", "datasets") for path in (store.root / folder).glob("*")} | {
        path.name for path in store.root.rglob("*.tmp")
    }


def own_table() -> bytes:
    """Iris with a fourth species far from the others."""
    rows = (f"{150 + i},{20 + i / 10},{10 + i / 10},{15 + i / 10},{8 + i / 10},Iris gigantea" for i in range(20))
    return table(*LINES, *rows)


def relabelled(labels: dict[str, str]) -> bytes:
    rows = (line.rpartition(",") for line in LINES[1:])
    return table(LINES[0], *(f"{cells},{labels[species]}" for cells, _, species in rows))


def test_a_table_is_stored_with_what_it_holds_and_replaced_by_the_next(client: Client, store: Store) -> None:
    response = put(client, "mine")
    expected = {
        "name": "mine",
        "rows": 150,
        "species": {"Iris-setosa": 50, "Iris-versicolor": 50, "Iris-virginica": 50},
        "ranges": {
            "sepal_length": [4.3, 7.9],
            "sepal_width": [2.0, 4.4],
            "petal_length": [1.0, 6.9],
            "petal_width": [0.1, 2.5],
        },
        "sha256": hashlib.sha256(TABLE).hexdigest(),
        "built_in": False,
    }

    assert (201, expected) == (response.status_code, response.json())
    assert expected == client.get("/datasets/mine").json()
    for rows in (149, 148):
        replaced = put(client, "mine", table(*LINES[: rows + 1]))
        assert (200, rows) == (replaced.status_code, replaced.json()["rows"])
        assert replaced.json() == client.get("/datasets/mine").json()
    # The first has the bytes that the current model has learned from: new models are examined on them.
    assert {"mine.json", f"{replaced.json()['sha256']}.csv", f"{expected['sha256']}.csv"} == files(store)


def test_the_list_names_the_built_in_table_first(client: Client) -> None:
    put(client, "b")
    put(client, "a")
    listed = client.get("/datasets").json()

    assert [("iris", True), ("a", False), ("b", False)] == [(each["name"], each["built_in"]) for each in listed]
    assert listed[0] == client.get("/datasets/iris").json()
    assert 150 == listed[0]["rows"]


@pytest.mark.parametrize("name", ["iris", "mine"])
def test_a_table_is_given_back_byte_by_byte(name: str, client: Client) -> None:
    put(client, "mine")
    response = client.get(f"/datasets/{name}", headers={"accept": "text/csv"})

    assert response.content == TABLE
    assert "text/csv; charset=utf-8" == response.headers["content-type"]
    assert "nosniff" == response.headers["x-content-type-options"]


def test_a_deleted_table_is_gone_from_the_disk_too(client: Client, store: Store) -> None:
    put(client, "mine", table(*LINES[:-1]))
    response = client.request("DELETE", "/datasets/mine")

    assert (204, b"") == (response.status_code, response.content)
    assert 404 == client.get("/datasets/mine").status_code
    assert 404 == client.get("/datasets/mine", headers={"accept": "text/csv"}).status_code
    assert 404 == client.request("DELETE", "/datasets/mine").status_code
    assert set() == files(store)


def test_the_built_in_table_is_neither_replaced_nor_deleted(client: Client) -> None:
    assert 409 == put(client, "iris").status_code
    assert 409 == client.request("DELETE", "/datasets/iris").status_code
    assert 200 == client.get("/datasets/iris").status_code


def test_a_new_built_in_table_is_looked_into_anew(settings: Settings, store: Store, tmp_path: Path) -> None:
    data = tmp_path / "Mine.csv"
    data.write_bytes(TABLE)
    with running(settings.model_copy(update={"data": data})) as client:
        assert ("mine", 150) == tuple(client.get("/datasets").json()[0][key] for key in ("name", "rows"))
        data.write_bytes(table(*LINES[:-1]))
        assert 149 == client.get("/datasets/mine").json()["rows"]
        data.write_bytes(b"no table")
        response = client.get("/datasets/mine")
        assert (503, "The built-in table cannot be used") == (response.status_code, response.json()["detail"][:33])
        assert [] == client.get("/datasets").json()


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_table_is_refused_with_the_mend(encoding: str, client: Client) -> None:
    headers = CSV | {"content-encoding": encoding}
    response = client.request("PUT", "/datasets/mine", content=TABLE, headers=headers)

    assert 415 == response.status_code
    assert "Send the table as it is, not compressed and without Content-Encoding." == response.json()["detail"]
    headers["content-encoding"] = "Identity"
    assert 201 == client.request("PUT", "/datasets/mine", content=TABLE, headers=headers).status_code


def test_a_known_built_in_table_costs_no_process(client: Client) -> None:
    client.get("/datasets")
    client.app.state.service.inspector.close()  # now every process is ended as soon as it starts

    assert 200 == client.get("/datasets").status_code
    assert 503 == put(client, "mine").status_code


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + TABLE,
        TABLE.replace(b"\n", b"\r\n"),
        table(*(",".join(f'"{cell}"' for cell in line.split(",")) for line in LINES)),
        table(
            "sepal_length,sepal_width,petal_length,petal_width,species", *(line.partition(",")[2] for line in LINES[1:])
        ),
        table(*(",".join(reversed(line.split(","))) for line in LINES)),
    ],
    ids=["BOM", "CRLF", "quotes", "the other spelling, no Id", "another order"],
)
def test_a_table_may_be_written_in_many_ways(data: bytes, client: Client) -> None:
    known = client.get("/datasets/iris").json()
    response = put(client, "mine", data)

    assert 201 == response.status_code
    assert all(known[key] == response.json()[key] for key in ("rows", "species", "ranges"))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (with_cell(7, "Species", "é").decode().encode("latin-1"), "row 7, column 6"),
        (with_cell(7, "Species", "a\0b"), "row 7, column 6"),
        (with_cell(7, "Species", "=1+1"), "row 7, column Species"),
        (with_cell(7, "Species", "@SUM(A1)"), "row 7, column Species"),
        (with_cell(7, "Species", ""), "row 7, column Species"),
        *((with_cell(7, "PetalWidthCm", cell), "row 7, column PetalWidthCm") for cell in (
            "NaN", "inf", "1e999", "-1", "0", "31", "", "=1+1", "wide", "5.1cm")),
        (with_line(7, "6,5.4,3.9,1.7,0.4,Iris-setosa,more"), "row 7, column 7"),
        (with_line(7, "6,5.4,3.9,1.7"), "row 7, column PetalWidthCm"),
        (with_line(7, "6,5.4,3.9,1.7,0.4,Iris-setosa,"), "row 7, column 7"),
        (with_line(7, ",,"), "row 7, column PetalLengthCm"),
        (with_cell(7, "Id", "=cmd|'/C calc'!A0"), "row 7, column Id"),
        (with_cell(7, "Id", ""), "row 7, column Id"),
        (with_cell(7, "PetalWidthCm", "1e-320"), "row 7, column PetalWidthCm"),
        (with_cell(7, "PetalWidthCm", "1" * 200_000), "row 7"),
        (with_cell(7, "PetalWidthCm", '"5\n"'), "row 7, column PetalWidthCm"),
        (with_cell(7, "PetalWidthCm", "\t5"), "row 7, column PetalWidthCm"),
        (with_line(7, '6,5.4,3.9,1.7,0.4,"Iris-setosa'), "row 7"),
        (with_line(1, LINES[0].replace("Id", "Petals")), "row 1, column 1"),
        (with_line(1, LINES[0].replace("Id", "Species")), "row 1, column Species"),
        (with_line(1, LINES[0].replace("Id", "sepal_length")), "row 1, column SepalLengthCm"),
        (with_line(1, LINES[0].replace("PetalWidthCm", "Id2")), "row 1, column PetalWidthCm"),
        (table(*LINES[:40]), "column Species"),
        (table(*LINES[:105]), "row 102, column Species"),
        (LINES[0].encode(), "column Species"),
        (b"", "row 1, column Species"),
        (b"\xff\xfe" + TABLE.decode().encode("utf-16-le"), "row 1, column 1"),
        (b"PK\x03\x04" + bytes(range(256)) * 20, "row 1, column 1"),
        (b'{"rows": []}', "row 1, column Species"),
        (b'"' * 200_001, "row 1"),
        (b"," * 100_000, "row 1, column 1"),
    ],
)  # fmt: skip
def test_what_is_no_table_to_train_on_is_refused_with_its_place(
    data: bytes, place: str, client: Client, store: Store
) -> None:
    assert place in places(put(client, "mine", data))
    assert set() == files(store)


def test_a_refused_table_is_not_said_back(client: Client) -> None:
    secret = "hunter2 <script>"
    for data in (secret.encode(), with_cell(7, "Species", secret), with_cell(7, "PetalWidthCm", secret)):
        response = put(client, "mine", data)

        assert places(response)
        assert "hunter2" not in response.text


def test_no_more_than_twenty_problems_are_told(client: Client) -> None:
    rows = (line.replace("Iris-", "=") for line in LINES[1:])

    assert [f"row {row}, column Species" for row in range(2, 22)] == places(put(client, "mine", table(LINES[0], *rows)))


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a" * 64])
def test_a_name_of_small_letters_digits_and_dashes_is_taken(name: str, client: Client) -> None:
    assert 201 == put(client, name).status_code
    assert name == client.get(f"/datasets/{name}").json()["name"]


@pytest.mark.parametrize(
    "name", ["A", "-a", "_a", "a" * 65, "a.csv", "%20", "a%0A", "a%00", "%C3%A9", "%FF", "..%5C", "a%3Bb", "%2e%2e%2e"]
)
def test_any_other_name_is_refused_and_reaches_no_file(name: str, client: Client, store: Store) -> None:
    assert ["name"] == places(put(client, name))
    assert 404 == client.get(f"/datasets/{name}").status_code
    assert 404 == client.get(f"/datasets/{name}", headers={"accept": "text/csv"}).status_code
    assert 404 == client.request("DELETE", f"/datasets/{name}").status_code
    assert set() == files(store)


@pytest.mark.parametrize("name", ["..%2F..%2Fcurrent", "%2Fetc%2Fpasswd", "%2e%2e%2fcurrent", "a%2Fb", ""])
def test_a_name_that_is_a_path_is_no_route(name: str, client: Client, store: Store) -> None:
    current = store.current()
    for method in ("PUT", "GET", "DELETE"):
        response = client.request(method, f"/datasets/{name}", content=TABLE, headers=CSV)

        assert 404 == response.status_code
    assert current == store.current()
    assert set() == files(store)


@pytest.mark.parametrize("media_type", ["", "application/json", "text/plain", "multipart/form-data; boundary=x", "csv"])
def test_what_is_not_sent_as_csv_is_refused(media_type: str, client: Client) -> None:
    headers = {"content-type": media_type} if media_type else {}

    assert 415 == client.request("PUT", "/datasets/mine", content=TABLE, headers=headers).status_code


@pytest.mark.parametrize("media_type", ["text/csv; charset=utf-8", "Text/CSV;header=present"])
def test_csv_is_csv_with_parameters_too(media_type: str, client: Client) -> None:
    headers = {"content-type": media_type}

    assert 201 == client.request("PUT", "/datasets/mine", content=TABLE, headers=headers).status_code


async def in_chunks(data: bytes, sent: list[int], length: int = 1000) -> AsyncIterator[bytes]:
    """The data without a declared length."""
    for start in range(0, len(data), length):
        sent.append(start)
        yield data[start : start + length]


def test_a_table_of_unknown_length_is_taken_as_it_comes(client: Client) -> None:
    assert 201 == put(client, "mine", in_chunks(TABLE, [])).status_code
    assert client.get("/datasets/mine", headers={"accept": "text/csv"}).content == TABLE


def test_a_table_that_is_too_large_is_refused_as_soon_as_that_is_known(settings: Settings, store: Store) -> None:
    sent: list[int] = []
    with running(settings.model_copy(update={"max_dataset_bytes": len(TABLE)})) as client:
        assert 201 == put(client, "mine").status_code
        for data in (TABLE + b"\n", in_chunks(TABLE * 10, sent)):
            response = put(client, "larger", data)

            assert 413 == response.status_code
            assert "application/problem+json" == response.headers["content-type"]
    assert len(sent) <= len(TABLE) // 1000 + 2
    assert {"mine.json", f"{hashlib.sha256(TABLE).hexdigest()}.csv"} == files(store)


def test_an_upload_that_breaks_off_leaves_nothing_behind(client: Client, store: Store) -> None:
    """Called as a server does whose client goes away in the middle."""
    seen: list[set[str]] = []
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": TABLE, "more_body": True}, {"type": "http.disconnect"}]
    )
    answered: list[Message] = []

    async def receive() -> Message:
        seen.append(files(store))
        return next(messages)

    async def send(message: Message) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/datasets/mine",
        "raw_path": b"/datasets/mine",
        "query_string": b"",
        "headers": [(b"content-type", b"text/csv"), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    client._call(client.app, scope, receive, send)

    assert 422 == answered[0]["status"]
    assert 1 == len(seen[-1])
    assert set() == files(store)


def test_no_more_tables_are_stored_than_are_allowed_to(settings: Settings, store: Store) -> None:
    with running(settings.model_copy(update={"max_datasets": 1})) as client:
        assert 201 == put(client, "mine").status_code
        assert 200 == put(client, "mine").status_code
        response = put(client, "another")

        assert 409 == response.status_code
        assert "IRIS_MAX_DATASETS" in response.json()["detail"]
    assert 2 == len(files(store))


def test_uploads_at_the_same_time_all_arrive(client: Client) -> None:
    tables = {f"t{i}": table(*LINES[: 110 + i]) for i in range(4)}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: put(client, name, tables[name]), tables))
        same = list(pool.map(lambda data: put(client, "same", data), tables.values()))

    assert [201] * 4 == [answer.status_code for answer in answers]
    for name, data in tables.items():
        assert client.get(f"/datasets/{name}", headers={"accept": "text/csv"}).content == data
    assert [200, 200, 200, 201] == sorted(answer.status_code for answer in same)
    assert client.get("/datasets/same").json() in [answer.json() for answer in same]


def test_a_table_is_trained_on_and_the_run_names_it(client: Client) -> None:
    sha256 = put(client, "mine", table(*LINES[:-1])).json()["sha256"]
    run = client.post("/train?wait=30", json={"dataset": "mine", "seed": 1}).json()

    assert Status.SUCCEEDED == run["status"]
    assert {"name": "mine", "rows": 149, "sha256": sha256} == run["dataset"]
    assert run["promoted"], run["reason"]
    assert "rows of iris that were held back" in run["reason"]
    assert "rows of mine that were held back" in run["reason"]


@pytest.mark.parametrize("recipe", [{}, {"dataset": None}, {"dataset": "iris"}])
def test_a_run_without_a_table_of_its_own_takes_the_built_in_one(recipe: dict[str, Any], client: Client) -> None:
    run = client.post("/train?wait=30", json=SHORT | recipe).json()

    assert ("iris", 150) == (run["dataset"]["name"], run["dataset"]["rows"])


@pytest.mark.parametrize("name", ["missing", "", "../current", "a\0", "A" * 1000, 7, ["mine"]])
def test_a_run_on_a_table_that_is_not_there_is_refused(name: Any, client: Client) -> None:
    response = client.post("/train", json={"dataset": name})

    assert ["dataset"] == places(response)
    assert [] == client.get("/train").json()


def test_a_table_of_new_species_gives_a_model_that_tells_them(client: Client) -> None:
    put(client, "mine", own_table())
    run = client.post("/train?wait=30", json={"dataset": "mine", "seed": 1, "promote": "always"}).json()
    giant = {"sepal_length": 21.0, "sepal_width": 11.0, "petal_length": 16.0, "petal_width": 9.0}
    prediction = client.post("/predict", json=giant).json()

    assert run["promoted"], run["reason"]
    assert "Iris gigantea" == prediction["species"]
    assert 4 == len(prediction["scores"])
    assert "Iris-setosa" == client.post("/predict", json=FLOWER).json()["species"]


@pytest.mark.parametrize("seed", range(3))
def test_a_table_with_its_labels_swapped_does_not_become_current(seed: int, client: Client) -> None:
    serving = client.get("/models/current").json()["version"]
    species = ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]
    following = cycle(species)
    next(following)
    put(client, "poison", relabelled(dict(zip(species, following, strict=False))))
    run = client.post("/train?wait=30", json={"dataset": "poison", "seed": seed}).json()

    assert (Status.SUCCEEDED, False) == (run["status"], run["promoted"])
    assert "rows of iris that were held back; at least 0.9 is needed" in run["reason"]
    assert serving == client.post("/predict", json=FLOWER).json()["model_version"]


def test_a_run_that_waits_keeps_its_table_though_it_is_deleted(client: Client, store: Store) -> None:
    put(client, "mine", table(*LINES[:-1]))
    with store.training(timeout_seconds=5):
        run = client.post("/train?wait=0", json=SHORT | {"dataset": "mine"}).json()
        assert 204 == client.request("DELETE", "/datasets/mine").status_code
        assert 1 == len(files(store))
        put(client, "mine", own_table())
    client.wait_until(lambda: store.run(run["id"]).ended, 30)
    done = client.get(f"/train/{run['id']}").json()

    assert (Status.SUCCEEDED, 149) == (done["status"], done["dataset"]["rows"])
    client.wait_until(lambda: 2 == len(files(store)), 5)  # the other table and its name


def inspecting() -> list[psutil.Process]:
    """The processes that check tables: what the fork server has started."""
    mine = psutil.Process().children(recursive=True)
    return [process for process in mine if process.ppid() != os.getpid() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV])
def test_a_check_that_crashes_says_so_and_the_next_one_works(
    ending: signal.Signals, client: Client, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(put, client, "mine", table(*LINES, *LINES[1:] * 4000))
        client.wait_until(lambda: bool(inspecting()), 10)
        inspecting()[0].send_signal(ending)
        response = asked.result()

    assert (503, "The check of the table broke off; the service's log says why.") == (
        response.status_code,
        response.json()["detail"],
    )
    assert f"ended with status {-ending}" in caplog.text
    assert set() == files(store)
    assert 201 == put(client, "mine").status_code


def test_a_check_that_hangs_meets_its_deadline(settings: Settings, store: Store) -> None:
    with running(settings.model_copy(update={"training_timeout_seconds": 0.001})) as client:
        response = put(client, "mine")

    assert 503 == response.status_code
    assert "longer than 0.001 seconds" in response.json()["detail"]
    assert set() == files(store)
    assert [] == inspecting()


def test_a_check_that_takes_too_much_memory_is_refused(settings: Settings, store: Store) -> None:
    rows = ["1,1,1,1,1,a", "1,1,1,1,1,b"] * 2_000_000
    with running(settings.model_copy(update={"training_memory_bytes": 2**28})) as client:
        response = put(client, "mine", table(LINES[0], *rows))

    assert ["table"] == places(response)
    assert "more memory than the 256 MiB" in response.json()["errors"][0]["message"]


def test_the_service_stops_though_a_table_is_checked(settings: Settings, store: Store) -> None:
    with ThreadPoolExecutor(1) as pool, running(settings) as client:
        asked = pool.submit(put, client, "mine", table(*LINES, *LINES[1:] * 4000))
        client.wait_until(lambda: bool(inspecting()), 10)
        began = time.monotonic()
        client.app.state.service.inspector.close()
        response = asked.result()

    assert (503, "The service was stopped.") == (response.status_code, response.json()["detail"])
    assert time.monotonic() - began < 2.0
    assert [] == inspecting()


_SERVICE = """
import asyncio, sys
from httpx import ASGITransport, AsyncClient
from app.main import create_app
from app.settings import Settings

async def main():
    app = create_app(Settings())
    async with app.router.lifespan_context(app):
        async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost", timeout=60) as client:
            table, headers = open("data/Iris.csv", "rb").read(), {"content-type": "text/csv"}
            print((await client.put("/datasets/mine", content=table, headers=headers)).status_code)
            print((await client.get("/datasets")).status_code)
            print(*[module for module in ("pandas", "numba") if module in sys.modules])

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_worker_loads_no_pandas_to_take_a_table(settings: Settings, store: Store, tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(_SERVICE)
    environment = os.environ | {"IRIS_ARTIFACTS": str(settings.artifacts), "PYTHONPATH": "."}
    printed = subprocess.run(
        [sys.executable, script], check=True, capture_output=True, text=True, env=environment
    ).stdout.splitlines()

    assert ["201", "200", ""] == printed
