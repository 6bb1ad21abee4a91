import csv
import io
import json
import math
from collections.abc import Callable

import pytest

from dnsearch.errors import DnsearchError
from dnsearch.report.formats import as_csv, as_json, as_markdown
from dnsearch.report.ranking import rank
from dnsearch.runs.record import Metrics, RunRecord

Make = Callable[..., RunRecord]


def test_json_tells_everything(make: Make) -> None:
    record = make(
        "trial-0003",
        0.75,
        best=Metrics(0.1, 0.9, 180),
        test=Metrics(0.2, 0.8, 360),
        study="small",
        trial=3,
        reason="halving",
        state="pruned",
    )
    (row,) = as_json(rank([record]))
    settings = row.pop("settings")
    assert row == {
        "rank": 1,
        "name": "trial-0003",
        "state": "pruned",
        "validation_accuracy": 0.75,
        "best_validation_accuracy": 0.9,
        "test_accuracy": 0.8,
        "validation_mean_iou": None,
        "best_validation_mean_iou": None,
        "test_mean_iou": None,
        "parameters": 43_210,
        "parameters_total": 44_444,
        "macs": 12_345_678,
        "epochs": 5,
        "epochs_planned": 5,
        "wall_seconds": 12.34,
        "first_step_seconds": 1.9,
        "images_per_second": 1234.5,
        "peak_memory_bytes": 1_612_000_000,
        "latency_seconds": None,
        "seed": 0,
        "study": "small",
        "trial": 3,
        "experiment": "article",
        "fingerprint": "0123456789abcdef",
        "started_at": "2026-01-02T03:04:05+00:00",
        "reason": "halving",
    }
    assert settings == record.settings


def test_json_says_null_for_what_is_unknown_or_not_finite(make: Make) -> None:
    rows = rank(
        [make("a", math.nan, images_per_second=math.inf), make("b", None, parameters=None, macs=None)]
    )
    broken, bare = json.loads(json.dumps(as_json(rows), allow_nan=False))
    assert [broken[key] for key in ("rank", "validation_accuracy", "images_per_second")] == [None, None, None]
    unknown = ("rank", "validation_accuracy", "best_validation_accuracy", "test_accuracy", "parameters")
    assert [bare[key] for key in (*unknown, "parameters_total", "macs", "study", "trial")] == [None] * 9


def test_json_has_lists_whatever_the_record_has(make: Make) -> None:
    (row,) = as_json(rank([make(settings={"network.layers_per_block": (2, (3,))})]))
    assert row["settings"]["network.layers_per_block"] == [2, [3]]


def test_json_means_the_same_whatever_is_ranked_by(make: Make) -> None:
    (row,) = as_json(rank([make("a", 0.5, best=Metrics(0.1, 0.9, 9))], select="best"))
    assert (row["validation_accuracy"], row["best_validation_accuracy"]) == (0.5, 0.9)


def test_csv_is_read_back(make: Make) -> None:
    runs = [make('a,"b"\nc', 0.5, {"only.here": True}), make("b", None, state="failed", reason="no, memory")]
    first, second = csv.DictReader(io.StringIO(as_csv(rank(runs))))
    assert first["name"] == 'a,"b"\nc'
    assert first["validation_accuracy"] == "0.5"
    assert first["network.layers_per_block"] == "[2, 2, 2]"
    assert (first["only.here"], second["only.here"]) == ("true", "")
    assert (second["rank"], second["validation_accuracy"], second["reason"]) == ("", "", "no, memory")
    assert second["training.early_stopping"] == ""


def test_csv_without_rows_has_headings() -> None:
    assert as_csv([]).startswith("rank,name,state,validation_accuracy,")
    assert as_csv([]).count("\n") == 1


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1+cmd", "'+1+cmd"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", "\\t=1"),
        ("-12.5", "-12.5"),
        ('a=b, "c"', 'a=b, "c"'),
        ("a\x1b[2J\u202e\nb\udcff", "a\\u001b[2J\\u202e\nb\\udcff"),
    ],
)
def test_a_cell_of_csv_is_neither_a_formula_nor_obeyed_by_a_terminal(
    make: Make, name: str, cell: str
) -> None:
    text = as_csv(rank([make(name, settings={f"{name}.x": name})]))
    headings, row = csv.reader(io.StringIO(text))
    assert row[headings.index("name")] == row[-1] == cell
    assert headings[-1] in {f"{cell}.x", f"'{name}.x"}


def test_markdown_is_a_table(make: Make) -> None:
    rows = rank([make("a", 0.9, {"network.growth_rate": 8}), make("b", 0.8)])
    assert as_markdown(rows) == (
        "| # | name | growth_rate | validation | parameters | macs | epochs | time | state |\n"
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        "| 1 | a | 8 | 90.00 % | 43,210 | 12.3M | 5/5 | 12.3 s | finished |\n"
        "| 2 | b | 12 | 80.00 % | 43,210 | 12.3M | 5/5 | 12.3 s | finished |\n"
    )


def test_markdown_shows_names_and_reasons_letter_by_letter(make: Make) -> None:
    text = as_markdown(rank([make("a|b", state="failed", reason="<b>*no*</b>\n[memory](x) `|`")]))
    assert "| a\\|b |" in text
    assert "failed: \\<b\\>\\*no\\*\\</b\\> \\[memory\\](x) \\`\\|\\`" in text
    assert text.count("\n") == 3


def test_markdown_takes_further_columns(make: Make) -> None:
    assert "| images/s | state |" in as_markdown(rank([make()]), ("images_per_second",))
    with pytest.raises(DnsearchError, match="found beauty"):
        as_markdown(rank([make()]), ("beauty",))
