"""The description of the API, readable without any other server."""

import re

from tests.app.conftest import Client


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/docs").text
    referred = re.findall(r"""(?:href|src)=["']([^"']+)""", page)

    assert 3 == len(referred)
    assert all(client.get(path).status_code == 200 for path in referred)
    assert "//" not in "".join(referred)


def test_the_page_reads_the_description_of_this_service(client: Client) -> None:
    assert "'/openapi.json'" in client.get("/docs").text
    assert 200 == client.get("/openapi.json").status_code
