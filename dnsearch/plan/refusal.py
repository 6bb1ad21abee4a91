"""How a network says that it cannot be built."""

from dnsearch.errors import Problem, SpecError


def refuse(field: str, expected: str, found: str = "", hint: str = "") -> SpecError:
    """An error that names a field of the ``network`` section."""
    return SpecError([Problem(f"network.{field}", expected, found, hint)])
