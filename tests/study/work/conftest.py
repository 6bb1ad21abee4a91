import pytest

from dnsearch.runs.record import Origin
from dnsearch.study.work.messages import Job


@pytest.fixture
def job(tiny, tmp_path):
    return Job(tiny(), tmp_path / "trial-0000", Origin("small", 0), 1)
