"""Every kind of file that dnsearch reads, damaged: it works, or a message says what is wrong, soon.

``make test`` tries the same cases every time; ``DNSEARCH_FUZZ=100000 make test-fuzz`` as many as asked, from
case ``DNSEARCH_FUZZ_FIRST`` of each reader on. Both print what came of them.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hostile import damaged

COUNT, FIRST = (
    os.environ.get(f"DNSEARCH_FUZZ{name}", value) for name, value in (("", "1000"), ("_FIRST", "0"))
)
PROGRAM = Path(__file__).parent / "fuzzing.py"
MOST_CRASHES = 20  # more are one fault


def told():
    """Cases and what came of them; one that ends the program takes only its case with it."""
    there, found = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, []
    for _ in range(MOST_CRASHES):
        command = [sys.executable, str(PROGRAM), COUNT, FIRST, str(len(found))]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=there, check=False)
        lines = ended.stdout.splitlines()
        found += zip(lines[::2], map(json.loads, lines[1::2]), strict=False)
        if not ended.returncode:
            break
        found.append(
            (lines[-1] if lines else PROGRAM.name, ("crash", f"the process ended with {ended.returncode}"))
        )
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory since a moment")
def test_damaged_files_are_read_or_refused():
    found = told()
    counts = Counter((case.rpartition(" ")[0], outcome) for case, (outcome, _) in found)
    findings = [f"{case}: {outcome}: {said}" for case, (outcome, said) in found if said]
    rows = [f"{name:20} {outcome:9} {count:7,}" for (name, outcome), count in counts.items()]
    print("", *rows, f"{len(findings)} findings", *findings, sep="\n")  # noqa: T201  (shown by make test-fuzz)
    assert not findings
    assert len(found) > 0.9 * int(COUNT)


def test_the_same_case_is_the_same_damage():
    content = b'{"a": [1, 2, 3], "b": null}' * 9
    once, again = ([damaged(content, Random(number)) for number in range(50)] for _ in range(2))
    assert once == again
    assert sum(each != content for each in once) > 40
