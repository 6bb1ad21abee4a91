"""Reports in a real browser: no error, no request, every section; ``make test-report`` runs this.

Chromium writes the page as it stands after scripts would have run, what its console would show, and a log of
what was asked of a network and by whom: of itself as well, for it looks for updates.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from reported import SECTIONS, study

from dnsearch.report.page import html
from dnsearch.report.study_page import study_page

pytestmark = pytest.mark.skipif("DNSEARCH_CHROMIUM" not in os.environ, reason="make test-report runs it")

SIZES = {"desktop": "1100,4000", "phone": "400,6000"}
PNG = b"\x89PNG"
FILE = "null"  # who asks, in Chromium's words


def chromium(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Chromium without a window, with a profile of its own and without the network."""
    quiet = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    )
    log = ("--enable-logging=stderr", "--v=0", "--timeout=3000", f"--user-data-dir={folder / 'profile'}")
    return subprocess.run(
        ["chromium", *quiet, *log, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.fixture
def page(tmp_path, make) -> Path:
    file = tmp_path / "report.html"
    file.write_text(html(study_page(study(tmp_path / "small", make, trials=50))))
    return file


def opened(page: Path, folder: Path) -> tuple[str, list[str], list[str]]:
    """The page as it stands at the end, what its console shows, and what it asked of a network."""
    log = folder / "network.json"
    ran = chromium(folder, f"--log-net-log={log}", "--dump-dom", page.as_uri())
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    asked = [each["url"] for each in events if each.get("initiator") == FILE]
    return ran.stdout, re.findall(r".*CONSOLE.*", ran.stderr), asked


def test_every_section_is_shown_and_nothing_is_wrong(page, tmp_path):
    shown, console, asked = opened(page, tmp_path)
    for section in SECTIONS:
        assert re.search(rf"<h2[^>]*>{section}</h2>", shown), section
    assert "<title>Study small</title>" in shown, "a script has changed it"
    assert console == []
    assert asked == []


def test_the_browser_would_have_said_what_is_wrong(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<title>a</title><script>nowhere()</script><img src='http://192.0.2.1/a.png'>")
    _, console, asked = opened(bad, tmp_path)
    assert "nowhere is not defined" in console[0]
    assert asked == ["http://192.0.2.1/a.png"]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_drawn_on_desktops_phones_and_dark_screens(page, tmp_path, name, dark):
    picture = tmp_path / f"{name}.png"
    more = ["--blink-settings=preferredColorScheme=0"] if dark else []
    chromium(tmp_path, f"--window-size={SIZES[name]}", f"--screenshot={picture}", *more, page.as_uri())
    assert picture.read_bytes().startswith(PNG)


def test_it_prints(page, tmp_path):
    file = tmp_path / "report.pdf"
    chromium(tmp_path, f"--print-to-pdf={file}", page.as_uri())
    assert file.read_bytes().startswith(b"%PDF")
