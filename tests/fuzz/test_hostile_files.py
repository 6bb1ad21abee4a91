"""Every kind of file that dnsearch reads, damaged: it works, or a message says what is wrong, soon.

``make test-slow`` tries the same few hundred cases every time; ``DNSEARCH_FUZZ=100000 make test-fuzz``
as many as asked, from case ``DNSEARCH_FUZZ_FIRST`` of each reader on, and prints what came of them.
"""

import os
import sys
from random import Random

import pytest
from fuzzing import cases, fuzz
from hostile import FORMS, damaged
from readers import READERS

COUNT = int(os.environ.get("DNSEARCH_FUZZ", "600"))
FIRST = int(os.environ.get("DNSEARCH_FUZZ_FIRST", "0"))


@pytest.mark.slow  # until damaged checkpoints, pipes and devices are refused everywhere: then fast
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process its peak memory since a moment"
)
def test_damaged_files_are_read_or_refused() -> None:
    report = fuzz(COUNT, FIRST)
    print(report)  # noqa: T201  (shown by make test-fuzz)
    assert not report.findings, str(report)
    assert report.outcomes.keys() == READERS.keys()
    assert all(outcomes["refused"] + outcomes["works"] for outcomes in report.outcomes.values())


def test_the_same_case_is_the_same_damage() -> None:
    content = b'{"a": [1, 2, 3], "b": null}' * 9
    once, again = ([damaged(content, Random(number)) for number in range(50)] for _ in range(2))
    assert once == again
    assert sum(each != content for each in once) > 40


def test_forms_are_found_and_made_whole_again() -> None:
    assert set(FORMS) >= {b"PK\3\4", b"\x1f\x8b", b"{"}
    assert len(cases(1000)) <= 1000 + len(READERS)
