"""``dnsearch tune``: what it prints where, where its study lies, and its display in a terminal."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from rich.console import Console

from dnsearch.cli import live_view
from dnsearch.front_door import planned_spec, requested
from dnsearch.runs.record import EpochRecord, Metrics, Origin
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Job, Request, TrialEnded, TrialProgressed, TrialStarted
from dnsearch.spec.document import load

pytestmark = pytest.mark.xdist_group("tune")

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]


def test_a_search_from_its_first_line_to_its_last(dnsearch):
    ran = dnsearch("tune", "spec.yaml", "--trials", "2", "--workers", "2")
    assert ran.code == 0
    lines = ran.err.splitlines()
    assert lines[0] == "study tiny: 2 trials, 2 at once, in runs/tiny"
    assert sorted(line[:17] for line in lines[1:3]) == ["trial 0  finished", "trial 1  finished"]
    best = ["best network: runs/tiny/best.yaml", "next: dnsearch train runs/tiny/best.yaml"]
    assert lines[3:] == [*best, "report: runs/tiny/report.html"]
    assert "Study tiny" in Path("runs/tiny/report.html").read_text()
    assert ran.out.splitlines()[0].strip() == "study tiny, exploratory"
    assert ran.out.count("  finished") == 2

    again = dnsearch("tune", "spec.yaml", "--trials", "2", "--json")
    rows = json.loads(again.out)
    assert again.code == 0
    assert {row["name"] for row in rows} == {"trial-0000", "trial-0001"}
    assert all(row["study"] == "tiny" for row in rows)
    assert not [line for line in again.err.splitlines() if line.startswith("trial")], "nothing was left to do"

    board = json.loads(dnsearch("leaderboard", "--study", "tiny", "--json").out)
    assert board["trials"] == rows
    assert board["study"]["trials"] == {"finished": 2}
    assert dnsearch("check", "runs/tiny/best.yaml").code == 0

    changed = dnsearch("tune", "spec.yaml", "--trials", "2", "--set", "training.learning_rate=0.2")
    assert changed.code == 6
    assert "training.learning_rate: 0.1 → 0.2" in changed.err
    assert "Give the changed search a name of its own: --study NAME" in changed.err
    assert changed.out == ""


def test_another_name_and_another_database(dnsearch, tmp_path):
    url = f"sqlite:///{tmp_path}/all.db"
    ran = dnsearch("tune", "spec.yaml", "--trials", "1", "--study", "other", "--storage", url, "--json")
    assert ran.code == 0
    assert [row["study"] for row in json.loads(ran.out)] == ["other"]
    assert (tmp_path / "all.db").exists()
    assert not (tmp_path / "runs/other/study.db").exists()


@pytest.mark.parametrize(
    "words", ["tune spec.yaml", "study migrate a --to spec.yaml", "dashboard a", "leaderboard a"]
)
def test_a_database_may_be_named_by_the_variable(dnsearch, monkeypatch, words):
    assert "DNSEARCH_STORAGE" in dnsearch(words.split()[0], "--help").out
    monkeypatch.setenv("DNSEARCH_STORAGE", "me:secret@host/db")
    ran = dnsearch(*words.split())
    assert (ran.code, ran.out) == (6, "")
    assert "--storage URL (it is not repeated here, since a password may be in it)\n" in ran.err
    assert "secret" not in ran.err


def test_what_cost_too_much_is_counted_and_no_trial(dnsearch):
    ran = dnsearch(
        "tune", "spec.yaml", "--trials", "1", "--set", "tune.constraints.parameters=1700", "--json"
    )
    assert ran.code == 0
    (row,) = json.loads(ran.out)
    assert row["name"] != "trial-0000", "the base spec has 1,766"
    assert "infeasible proposals, refused by: parameters " in ran.err


def test_a_spec_that_was_trained_by_hand_keeps_its_run(dnsearch, run_folder):
    spec, runs = planned_spec("spec.yaml"), Path("runs")
    assert requested(spec, runs).folder == Path("runs/tiny")
    run_folder(Path("runs/tiny"))
    assert requested(spec, runs).folder == Path("runs/tiny-study")
    assert requested(spec, runs, "tiny").folder == Path("runs/tiny"), "who asks for it is told"
    ran = dnsearch("tune", "spec.yaml", "--study", "tiny", "--trials", "1")
    assert ran.code == 6
    assert "expected the folder of a study, found that of a run" in ran.err


@pytest.fixture
def request_(dnsearch, tmp_path) -> Request:
    document = load("spec.yaml")
    tune = document.experiment.tune
    spec = SearchSpec(document, tune, (8, 8, 1), 10)
    return Request(spec, tmp_path / "runs/tiny", "", trials=8, workers=2)


def events(request, record):
    def job(number):
        return Job(
            planned_spec(request.spec.document),
            request.folder / f"trial-{number:04d}",
            Origin("tiny", number),
            1,
        )

    metrics = Metrics(1.0, 0.5, 144)
    epoch = EpochRecord(1, 0.1, metrics, metrics, 0.5, 1000.0)
    return [
        TrialStarted(job(0)),
        TrialStarted(job(1)),
        TrialProgressed(job(1), epoch),
        TrialEnded(record),
    ]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_picture_shows_the_best_who_is_at_work_and_how_long_it_takes(
    request_, run_folder, monkeypatch, columns
):
    record = run_folder(request_.folder / "trial-0000", 0.9, study="tiny", trial=0).read()
    earlier = run_folder(request_.folder / "trial-0007", 0.8, study="tiny", trial=7).read()
    (request_.folder / "trial-0000/run.json").unlink()
    terminal = Console(width=columns, height=24, force_terminal=True)
    monkeypatch.setattr(live_view.console, "talk", lambda: terminal)
    view = live_view._View(request_)
    for event in events(request_, record):
        view.tell(event)
    screen = Console(width=columns, color_system=None)
    with screen.capture() as captured:
        screen.print(view.picture())
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert lines[0] == "Best so far"
    assert [line.split()[1] for line in lines if "finished" in line] == ["trial-0000", earlier.name]
    (at_work,) = [line for line in lines if line.startswith("trial-")]
    assert at_work.startswith("trial-0001")
    assert at_work.endswith("epoch 1/2  50.00 %")
    assert lines[-1].startswith("1/7 trials  ·  "), "what had ended before does not count as speed"
    assert "trials an hour" in lines[-1]
    assert max(map(len, lines)) <= columns - live_view.ROOM_FOR_CTRL_C


def test_without_a_terminal_there_is_a_line_per_trial(request_, run_folder, capfd):
    record = run_folder(request_.folder / "trial-0000", 0.9, study="tiny", trial=0).read()
    with live_view.live(request_, plain=False) as tell:
        for event in events(request_, record):
            tell(event)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[1].startswith("trial 0  finished  validation 90.00 %  1,766 parameters  2 epochs")
    assert len(err.splitlines()) == 2


class Terminal:
    """A program in a terminal of its own, so wide; keys can be pressed."""

    def __init__(self, folder: Path, columns: int, *arguments: str) -> None:
        self._main, self._other = pty.openpty()
        other = self._other
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        # The shell opens the terminal first in a new session, which makes it the one that Ctrl-C comes from.
        script = f'exec "$@" <{os.ttyname(other)} >{os.ttyname(other)} 2>&1'
        command = ["sh", "-c", script, "sh", *PROGRAM, *arguments]
        environment = {**os.environ, "TERM": "xterm-256color"}
        self._process = subprocess.Popen(command, cwd=folder, start_new_session=True, env=environment)
        self.shown = ""
        self._read()
        os.close(self._other)  # the program has opened it by now, and its end shall be seen

    def until(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert self._read() and time.monotonic() < end, self.shown

    def press(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def ended(self) -> int:
        while self._read():
            pass
        return self._process.wait(10)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._main)

    def _read(self) -> bool:
        if not select.select([self._main], [], [], 60)[0]:
            return False
        try:
            new = os.read(self._main, 65_536)
        except OSError:  # Linux says so when the last one has closed the other side
            return False
        self.shown += new.decode(errors="replace")
        return bool(new)

    def lines(self) -> list[str]:
        """Everything that was ever shown, line by line, without colours and movements."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown)
        return [line.rstrip() for line in re.split(r"[\r\n]+", plain)]


@pytest.fixture
def in_terminal(dnsearch, tmp_path):
    """Starts the program in a terminal."""
    with ExitStack() as stack:

        def start(columns: int, *arguments: str) -> Terminal:
            return stack.enter_context(closing(Terminal(tmp_path, columns, *arguments)))

        yield start


@pytest.mark.parametrize("columns", [80, 120])
def test_the_display_in_a_terminal(in_terminal, columns):
    terminal = in_terminal(columns, "tune", "spec.yaml", "--trials", "3")
    terminal.until("trial-0000")
    if columns == 120:
        terminal.press("\x03")
    code = terminal.ended()
    lines = terminal.lines()
    assert max(map(len, lines)) <= columns
    assert "Traceback" not in terminal.shown
    assert [line for line in lines if line.startswith("trial-0000  ━")]
    assert [line for line in lines if re.match(r"\d/3 trials  ·  ", line)]
    assert "study tiny, exploratory" in lines, "the leaderboard stays when the display has gone"
    if columns == 120:
        assert code == 130
        assert "letting the running trials end (Ctrl-C again stops them)…" in lines
    else:
        assert code == 0
        assert "Best so far" in lines


def test_the_progress_of_a_training_in_a_terminal(in_terminal):
    terminal = in_terminal(80, "train", "spec.yaml", "--set", "training.epochs=300")
    terminal.until("epoch   2/300")
    terminal.press("\x03")
    assert terminal.ended() == 130
    lines = terminal.lines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if "compiling…" in line]
    assert [line for line in lines if re.match(r"epoch \d+/300 ━.* \d+/1200 [\d,]+ images/s", line)]
    assert "stopping after this batch…" in lines
    assert lines[-2].startswith("next: dnsearch train --resume runs/tiny")


def test_a_spec_to_enqueue_must_lie_in_the_space(dnsearch, tmp_path):
    (tmp_path / "mine.yaml").write_text((tmp_path / "spec.yaml").read_text())
    changed = ("--set", "training.batch_size=31")
    ran = dnsearch("tune", "spec.yaml", *changed, "--enqueue", "mine.yaml")
    assert ran.code == 6
    assert "training.batch_size\n  expected 31, as in the study's spec" in ran.err
    assert not list((tmp_path / "runs").glob("*/trial-*"))


def test_a_pipe_or_device_to_enqueue_is_refused_at_once(dnsearch, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for name in ("pipe.yaml", "/dev/zero"):
        ran = dnsearch("tune", "spec.yaml", "--enqueue", name)
        assert (ran.code, ran.out) == (2, "")
        assert f"{name}\n  expected a YAML file that can be read" in ran.err
        assert not (tmp_path / "runs").exists()


def test_a_sampler_learns_from_another_study_and_lists_none_of_it(dnsearch):
    assert dnsearch("tune", "spec.yaml", "--trials", "1", "--study", "old").code == 0
    ran = dnsearch("tune", "spec.yaml", "--trials", "1", "--study", "new", "--from-study", "old", "--json")
    assert ran.code == 0
    assert "the sampler learns from 1 finished trials of study old" in ran.err
    assert [row["study"] for row in json.loads(ran.out)] == ["new"]
    missing = dnsearch("tune", "spec.yaml", "--from-study", "nowhere")
    assert missing.code == 6
    assert "Studies are made by: dnsearch tune SPEC --study NAME" in missing.err


def test_a_study_whose_spec_changed_is_migrated(dnsearch):
    assert dnsearch("tune", "spec.yaml", "--trials", "1").code == 0
    wider = ("--set", "tune.parameters={network.growth_rate: {int: [2, 8]}}")
    refused = dnsearch("tune", "spec.yaml", *wider)
    assert refused.code == 6
    assert "dnsearch study migrate tiny --to SPEC" in refused.err
    told = dnsearch("study", "migrate", "tiny", "--to", "spec.yaml", "--dry-run", *wider)
    assert told.code == 0
    assert "study tiny: 1 trials kept, 0 dropped (dry run: nothing was changed)" in told.err
    done = dnsearch("study", "migrate", "tiny", "--to", "spec.yaml", *wider)
    assert "study tiny: 1 trials kept, 0 dropped\n" in done.err
    again = dnsearch("tune", "spec.yaml", "--trials", "1", "--json", *wider)
    assert (again.code, len(json.loads(again.out))) == (0, 1)
    lost = (*wider, "--set", "training.learning_rate=0.15")
    dropped = dnsearch("study", "migrate", "tiny", "--to", "spec.yaml", *lost)
    assert "  trial 0 dropped: training.learning_rate: expected 0.15" in dropped.err
    assert "what they left behind: runs/tiny/.dropped" in dropped.err
    assert json.loads(dnsearch("leaderboard", "--study", "tiny", "--json").out)["trials"] == []


@pytest.mark.parametrize(
    "gone",
    [
        ("worker", "--study", "small", "--storage", "sqlite:///a.db"),
        ("fetch", "small"),
        ("tune", "spec.yaml", "--create"),
        ("tune", "spec.yaml", "--artifacts", "s3://bucket"),
        ("tune", "spec.yaml", "--engine", "ray"),
    ],
)
def test_what_is_gone_answers_with_what_to_use_instead(dnsearch, gone):
    ran = dnsearch(*gone)
    name = next((each for each in gone if each.startswith("--") and gone[0] == "tune"), f"dnsearch {gone[0]}")
    assert ran.code == 2
    said = " ".join(ran.err.replace("│", "").split())
    assert f"{name} is gone: searches on several machines run on Ray now" in said
    assert "dnsearch tune SPEC --executor ray --address auto; see docs/scaling.md" in said
    assert "--create" not in dnsearch("tune", "--help").out
