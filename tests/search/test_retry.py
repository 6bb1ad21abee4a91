"""When a trial that used up memory gets a second try, and what its folder's record says then."""

import pytest

from dnsearch.runs.record import opening
from dnsearch.search.proposal import in_more_parts


@pytest.fixture
def failed(tiny):
    """A record of a trial and its ``training``; keyword arguments change that section."""

    def made(**training):
        experiment = tiny({f"training.{key}": value for key, value in training.items()}).experiment
        return opening("trial-0000", experiment, None, None, None), experiment.training

    return made


@pytest.mark.parametrize(("accumulate", "parts"), [(1, 2), (3, 6), (12, 24)])
def test_each_batch_in_twice_the_parts(failed, accumulate, parts):
    record, training = failed(accumulate=accumulate)
    again = in_more_parts(record, training)
    assert (again.parts, again.state, again.reason) == (parts, "running", "")
    assert (again.fingerprint, again.settings) == (record.fingerprint, record.settings)


def test_once_only(failed):
    record, training = failed()
    assert in_more_parts(in_more_parts(record, training), training) is None


@pytest.mark.parametrize("changes", [{"batch_size": 3}, {"batch_size": 50, "accumulate": 13}])
def test_a_part_has_two_images_at_least(failed, changes):
    assert in_more_parts(*failed(**changes)) is None
