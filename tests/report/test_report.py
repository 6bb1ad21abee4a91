"""Reports as files: what stands in them, how large they are, and that nothing in them runs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from reported import EVIL, SECTIONS, study

from dnsearch.compare.frozen_plan import Plan
from dnsearch.compare.result import ArmResult, Result
from dnsearch.compare.verdict import sentence, verdicts
from dnsearch.errors import SpecError
from dnsearch.evaluate.intervals import mean_over_seeds
from dnsearch.report import charts
from dnsearch.report.comparison_page import comparison_page
from dnsearch.report.page import Code, Page, Section, Table, Words, html
from dnsearch.report.page_parts import History, mean_rows, seed_groups
from dnsearch.report.runs_page import runs_page
from dnsearch.report.study_page import study_page, study_rows
from dnsearch.report.study_rows import MOST_DRAWN, history_rows, parallel_rows, rungs, spread
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import RunRecord

Make = Callable[..., RunRecord]


@dataclass
class Read(HTMLParser):
    """What a page is made of; an element that is not closed is noticed."""

    text: str
    tags: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags[tag] += 1
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "xlink:href"}]
        assert not [name for name in found if name.startswith("on")]
        assert tag != "svg" or found["aria-label"]
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


@pytest.fixture
def small(tmp_path: Path, make: Make) -> Path:
    return study(tmp_path / "small", make)


def test_a_study_has_every_section_and_fits_in_a_megabyte(tmp_path, make):
    page = html(study_page(study(tmp_path / "small", make, trials=50)))
    read = Read(page)
    assert read.titles == ["Verdict", *SECTIONS]
    assert len(page.encode()) < 1_000_000
    assert read.tags["svg"] == 7 + 1  # charts, and the network
    assert len(read.ids) == len(set(read.ids))


def test_nothing_in_a_report_runs_or_leaves_it(small):
    page = html(study_page(small))
    read = Read(page)
    assert read.tags["script"] == 0
    assert all(link.startswith(("#", "data:")) for link in read.links)
    assert EVIL not in page
    assert "&lt;script&gt;document.title" in page
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


def test_equal_studies_give_equal_reports(small):
    assert html(study_page(small)) == html(study_page(small))


def test_the_verdict_of_a_study_comes_first_and_is_cautious(small):
    page = study_page(small)
    assert page.answer[0].startswith("The best trial is trial-0009: accuracy 90.90 % (95 % ")
    assert "exploratory" in " ".join(page.answer)
    assert page.question.startswith("Which values of growth_rate, ")


def test_the_rungs_say_who_went_on_and_who_stopped(small):
    found, rows = study_rows(small)
    assert rungs(found, [row.record for row in rows]) == [2]
    section = next(each for each in study_page(small).sections if each.title == "Learning curves")
    table = next(part for part in section.parts if isinstance(part, Table))
    assert table.rows == [("2", "12", "4", "1, 2, 4, 5, 7, 8, 10, 11")]


def test_a_study_of_an_earlier_version_or_with_damaged_epochs_is_reported(small):
    (small / "spec.yaml").unlink()
    (small / "best.yaml").unlink()
    RunFolder(small / "trial-0000").epochs_file.write_text("nonsense\n")
    read = Read(html(study_page(small)))
    assert "How to repeat it" not in read.titles
    assert "Learning curves" in read.titles


def test_a_study_without_scores_says_so(tmp_path, make):
    folder = study(tmp_path / "small", make, trials=1)
    run = RunFolder(folder / "trial-0000")
    run.write(replace(run.read(), last=None, best=None, epochs=0, state="failed"))
    page = study_page(folder)
    assert page.answer == ["No trial has ended an epoch yet."]
    assert Read(html(page)).titles == ["Verdict"]


def test_the_best_so_far_is_of_finished_trials_alone(small):
    rows = history_rows(study_rows(small)[1])
    assert [row["trial"] for row in rows] == list(range(12))
    assert [row["best"] for row in rows[:4]] == pytest.approx([90, 90, 90, 90.3])
    assert rows[-1]["epochs"] == 4 * 5 + 8 * 2


def test_parallel_coordinates_run_from_the_lowest_to_the_highest(small):
    lines, labels, axes = parallel_rows(*study_rows(small))
    assert axes[0] == "growth_rate"
    assert axes[-1] == "validation, %"
    assert {round(line["at"], 6) for line in lines if line["axis"] == "growth_rate"} >= {0.0, 1.0}
    assert {label["label"] for label in labels if label["axis"] == "pooling"} == {"avg", EVIL}


def test_of_very_many_trials_the_best_and_some_others_are_drawn(small):
    rows = study_rows(small)[1] * 100
    drawn = spread(rows)
    assert len(drawn) <= MOST_DRAWN
    assert drawn[:150] == rows[:150]


def test_runs_share_a_curve_if_only_their_seeds_differ(tmp_path, make):
    folder = study(tmp_path / "small", make, trials=3)
    epochs = tuple(RunFolder(folder / "trial-0000").epochs())
    settings = [{"training.seed": seed, "network.growth_rate": k} for seed, k in ((1, 4), (2, 4), (1, 8))]
    runs = [
        History(make(f"run-{each['training.seed']}", 0.9, each), RunFolder(folder), epochs)
        for each in settings
    ]
    groups = seed_groups(runs)
    assert list(groups) == ["run-1, 2 seeds", "run-1"]
    rows = mean_rows(groups)
    assert len(rows) == 2 * 5
    assert "low" in rows[0]
    assert "low" not in rows[-1]


def test_runs_are_reported_from_their_folders(small):
    page = runs_page([small / "trial-0000", small / "trial-0001"])
    assert page.answer[0] == "The best is trial-0000: validation accuracy 90.00 %, after 5 epochs."
    assert Read(html(page)).titles[:3] == ["Verdict", "Runs", "Learning curves"]


def test_a_comparison_shows_its_verdicts_and_every_pair(tmp_path, make):
    folder = study(tmp_path / "compared", make, trials=12)
    names = sorted(path.name for path in folder.glob("trial-*"))
    runs = {"avg": tuple(names[::2]), "max": tuple(names[1::2])}
    scores = {
        name: [100 * RunFolder(folder / run).read().last.score for run in each] for name, each in runs.items()
    }
    contrasts = verdicts(scores, [("max", "avg")], margin=0.5)
    arms = tuple(
        ArmResult(
            *(name, {"network.pooling": name}, 0.1, 12, mean_over_seeds(scores[name]), None),
            *(21074, 804_300, 9.1, 10**9, each),
        )
        for name, each in runs.items()
    )
    told = (sentence(contrasts[0], "macs"),)
    heading = "starter-pooling", str(folder), "accuracy", "avg", "macs", 0.5, 6
    page = comparison_page(Result(*heading, Plan("0", 6), arms, tuple(contrasts), {}, told))
    assert page.answer[0][1:] == f"{told[0][1:]}."
    titles = Read(html(page)).titles
    assert titles[:4] == ["Verdict", "Differences", "Arms", "Learning curves"]
    assert titles[-1] == "How to repeat it"


def test_words_are_escaped_wherever_they_stand():
    parts = [Words(EVIL), Code(EVIL, EVIL), Table((EVIL,), [(EVIL,)], EVIL)]
    page = html(Page(EVIL, EVIL, [EVIL], [Section(EVIL, parts)]))
    assert Read(page).tags["script"] == 0
    assert page.count("&lt;script&gt;") == 12
    assert "\u202e" not in html(Page("a\u202eb", "", [], []))


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_charts_are_written_as_their_files_ending_says(tmp_path, ending):
    chart = charts.mean_curves([{"group": EVIL, "epoch": n, "score": 90 + n} for n in (1, 2)])
    path = tmp_path / f"curves.{ending}"
    charts.write_chart(chart, path)
    begin = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}[ending]
    assert path.read_bytes().startswith(begin)
    assert b"<script" not in path.read_bytes()


def test_a_chart_needs_a_known_ending(tmp_path):
    chart = charts.mean_curves([{"group": "a", "epoch": 1, "score": 90}])
    with pytest.raises(
        SpecError, match=r"curves\.gif\n  expected a file that ends in \.svg, \.png, \.pdf, found"
    ):
        charts.write_chart(chart, tmp_path / "curves.gif")
