"""A run's epochs as a table for spreadsheets: ``epochs.csv``, made anew after every epoch."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from dnsearch.runs.atomic import atomic_write
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record_json import to_json


def write_epochs_csv(folder: RunFolder) -> None:
    """Write ``epochs.csv``: a row for each epoch of the run, also of those before it was resumed.

    Raises:
        RunError: the epochs cannot be read, or the file cannot be written.
    """
    rows = [dict(_flat(json.loads(to_json(epoch)))) for epoch in folder.epochs()]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(chain(*rows))), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder.path / "epochs.csv", text.getvalue().encode())


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Values by one name each.

    >>> dict(_flat({"epoch": 1, "training": {"loss": 0.5}}))
    {'epoch': 1, 'training_loss': 0.5}
    """
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}_")
        else:
            yield f"{before}{name}", value
