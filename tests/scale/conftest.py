"""More than one machine: these tests run with ``make test-scale`` alone, which installs what they need."""

import os
from collections.abc import Iterator

import pytest
from postgres import programs, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own."""
    if not os.environ.get("DNSEARCH_SCALE"):
        pytest.skip("make test-scale starts the servers and clusters that this needs")
    if programs() is None:
        pytest.exit("no PostgreSQL found, so nothing was checked: apt-get install postgresql", returncode=1)
    with server() as url:
        yield url
