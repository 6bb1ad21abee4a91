"""Trials sent home to a bucket of an S3-compatible service on this machine."""

import os

import pytest

from dnsearch.errors import StudyError
from dnsearch.runs.folder import RunFolder
from dnsearch.study.book.database import storage
from dnsearch.study.work.artifacts import fetch, send


@pytest.fixture
def service(monkeypatch):
    if not os.environ.get("DNSEARCH_SCALE"):
        pytest.skip("make test-scale installs the service that this needs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://{}:{}".format(*server.get_host_and_port()))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield
    server.stop()


@pytest.fixture
def trial(tmp_path):
    """A study with one open trial, and the folder that it left."""
    import optuna

    database = storage(f"sqlite:///{tmp_path}/study.db")
    study = optuna.create_study(storage=database, study_name="small")
    run = RunFolder(tmp_path / "away" / "trial-0000")
    run.path.mkdir(parents=True)
    for name in ("run.json", "weights.npz"):
        (run.path / name).write_text(f"this is {name}")
    yield study, study.ask(), run
    database.remove_session()
    database.engine.dispose()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # botocore's and moto's
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_trial_goes_to_a_bucket_and_comes_home(service, trial, tmp_path):
    import boto3

    study, open_trial, run = trial
    with pytest.raises(StudyError, match="s3://studies/here\n  expected a bucket that can be used"):
        send("s3://studies/here", open_trial, run, checkpoints=False)
    boto3.client("s3").create_bucket(Bucket="studies")
    send("s3://studies/here", open_trial, run, checkpoints=False)
    keys = [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="studies")["Contents"]]
    assert len(keys) == 1
    assert keys[0].startswith("here/")
    assert fetch("s3://studies/here", study, tmp_path / "home") == ["trial-0000"]
    assert (tmp_path / "home" / "trial-0000" / "weights.npz").read_text() == "this is weights.npz"
