"""Plain values → YAML that ``reading`` reads back as the same values.

PyYAML writes YAML 1.1, where ``1e3``, ``0o17`` and ``09`` are texts and need no quotes; in YAML 1.2, which
``reading`` reads, they are numbers.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from dnsearch.spec.reading import scalar


def written(values: Mapping[str, Any]) -> str:
    """The values as a YAML document, keys in their order.

    >>> print(written({"rate": 1e-3, "path": "1e3", "classes": None}), end="")
    rate: 0.001
    path: '1e3'
    classes: null
    """
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes what would be read as something else, and writes equal lists twice rather than by reference."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if scalar(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
