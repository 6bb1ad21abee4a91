"""A small valid spec, and how a spec is refused."""

from collections.abc import Callable

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec.document import parse

MINIMAL = """\
version: 1
network:
  growth_rate: 12
  layers_per_block: [2, 2]
data:
  source: digits
training:
  epochs: 2
  learning_rate: 0.1
"""


@pytest.fixture
def minimal() -> str:
    """A spec of nine lines that says only what has no default."""
    return MINIMAL


@pytest.fixture
def refused() -> Callable[[str], SpecError]:
    """Parse a text that cannot be accepted; the error."""

    def refusal(text: str) -> SpecError:
        with pytest.raises(SpecError) as caught:
            parse(text.encode(), "a.yaml")
        return caught.value

    return refusal
