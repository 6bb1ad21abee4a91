"""Who trains a trial, and whether that process still lives."""

import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from dnsearch.study.book.leases import LEASE, Lease, found, is_alive, is_ours, own, renew
from dnsearch.study.book.machine import process_started

NOW = 1_000_000.0


def test_this_process_is_alive_whatever_its_last_beat():
    assert is_alive(own(NOW), NOW)
    assert is_alive(own(NOW), NOW + 3600), "on its own machine a process is asked for directly"


def test_nobody_is_not_alive():
    assert not is_alive(None, NOW)


def test_a_process_that_has_ended_is_not_alive():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lease = replace(own(NOW), pid=child.pid, started=process_started(child.pid))
        assert is_alive(lease, NOW)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(lease, NOW), "killed, and not yet buried by its parent"
    assert not is_alive(lease, NOW)


def test_another_process_of_the_same_number_is_another():
    assert not is_alive(replace(own(NOW), started=own(NOW).started - 3600), NOW)


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (59, True), (61, False)])
def test_of_another_machine_only_the_beat_counts(seconds, alive):
    assert is_alive(Lease("elsewhere", 1, 0.0, NOW), NOW + seconds) == alive


def test_a_lease_is_written_into_each_trial_and_read_again(ledger):
    book = ledger()
    trials = [book.new(), book.new()]
    renew(trials, NOW)
    written = [trial.user_attrs for trial in book.study.trials]
    assert [found(each) for each in written] == [own(NOW)] * 2
    assert all(is_ours(each) for each in written)
    assert not is_ours({LEASE: asdict(replace(own(NOW), host="elsewhere"))})
    assert not is_ours({})
