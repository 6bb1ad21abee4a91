"""Workers on a PostgreSQL server: none of the trials is lost, and none is doubled."""

from small_study import wait_until

from dnsearch.runs.folder import RunFolder

WHOLE = list(range(1, 7))


def test_three_workers_share_a_study_and_one_of_them_is_killed(farm):
    code, said = farm.run("tune", "--trials", "8", "--create")
    assert code == 0, said
    assert f"next: dnsearch worker --study {farm.name} --storage postgresql+psycopg://" in said
    assert farm.states() == []
    workers = [farm.program("worker") for _ in range(3)]
    wait_until(lambda: sum(len(epochs) for epochs in farm.epochs().values()) > 8)
    workers[0].kill()
    said = [worker.communicate(timeout=150)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [-9, 0, 0], said
    assert farm.states() == ["COMPLETE"] * 8
    assert farm.epochs() == {f"trial-{number:04d}": WHOLE for number in range(8)}, (
        "no epoch was trained twice"
    )
    told = [line for text in said[1:] for line in text.splitlines() if line.startswith("trial ")]
    assert len({line.split()[1] for line in told}) == len(told), "no trial ended twice"


def test_trials_come_home_from_machines_that_share_no_folder(farm):
    code, said = farm.run("tune", "--trials", "3", "--create", "--artifacts", "store")
    assert code == 0, said
    workers = [farm.program("worker", runs=f"machine-{number}") for number in range(2)]
    said = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    apart = [len(farm.epochs(f"machine-{number}")) for number in range(2)]
    assert sum(apart) == 3, "each trial was trained on one of them"
    assert farm.run("fetch", runs="home") == (0, "3 trials came home to home/" + farm.name + "\n")
    assert farm.epochs("home") == {f"trial-{number:04d}": WHOLE for number in range(3)}
    record = RunFolder(farm.folder / "home" / farm.name / "trial-0000").read()
    assert (record.state, record.study) == ("finished", farm.name)
    assert farm.run("fetch", runs="home")[1].startswith("0 trials")


def test_a_study_that_is_not_there(farm):
    code, said = farm.run("worker")
    assert code == 6
    assert said.startswith(
        f"study {farm.name}\n  expected a study in postgresql+psycopg://dnsearch@127.0.0.1:"
    )
