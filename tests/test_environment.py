"""The environment, TensorFlow's preparation, and child processes.

Each child process needs a server of its own, so those tests run in a program of their own.
"""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from dnsearch import environment, processes
from dnsearch.errors import DnsearchError


def test_set_environment_keeps_what_a_person_set(monkeypatch):
    for name in environment.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    environment.set_environment()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_a_child_s_cards_are_the_only_ones_that_it_sees(monkeypatch, tensorflow_ready):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    environment.prepare_tensorflow(threads=1, gpus=("1",))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    environment.prepare_tensorflow(threads=1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1", "whatever there is stays"


def test_installed_gpus_are_those_that_were_lent_or_that_nvidia_smi_lists(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, MIG-7,")
    assert environment.installed_gpus() == ("3", "MIG-7")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.installed_gpus() == ()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 0\necho 1\n")
    program.chmod(0o755)
    assert environment.installed_gpus() == ("0", "1")
    program.write_text("#!/bin/sh\necho no driver; exit 9\n")
    assert environment.installed_gpus() == ()


def test_versions_are_those_that_are_installed():
    found = environment.versions()
    assert list(found) == ["python", "dnsearch", "tensorflow", "keras", "numpy"]
    assert found["keras"] == version("keras")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_hardware_in_words_and_numbers(tensorflow_ready):
    found = environment.hardware()
    assert list(found) == ["processor", "cores", "threads", "memory_bytes", "gpus"]
    assert found["processor"].strip()
    assert found["cores"] == environment.cores() >= 1
    assert found["memory_bytes"] > 1e9
    assert all(isinstance(gpu, str) for gpu in found["gpus"])


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("0", 8), ("", 8), ("many", 8)])
def test_threads_are_as_many_as_tensorflow_is_told_else_as_there_are_processors(monkeypatch, said, threads):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", said)
    assert environment.threads(8) == threads


def test_gpus_are_those_that_tensorflow_sees(tensorflow_ready):
    assert len(environment.gpus()) == len(environment.hardware()["gpus"])
    assert all(card.startswith("GPU:") for card in environment.gpus())


def test_free_memory_is_a_part_of_all():
    assert 0 < environment.free_memory_bytes() < psutil.virtual_memory().total


def test_cores_are_those_that_this_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert environment.cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert environment.cores() == len(allowed)


def test_the_processor_has_a_name_without_proc_too(monkeypatch):
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert environment._processor()


def test_peak_memory_never_falls():
    before = environment.peak_memory_bytes()
    block = bytearray(os.urandom(1024) * 150_000)
    assert environment.peak_memory_bytes() > before
    assert environment.peak_memory_bytes() >= len(block)
    del block
    assert environment.peak_memory_bytes() > before


def test_process_identity_names_this_process():
    found = environment.process_identity()
    assert found["pid"] == os.getpid()
    assert found["host"]


WORK = """
import os, sys, time

print("loaded", os.getpid(), file=sys.stderr, flush=True)
LOADED_BY = os.getpid()


def tell(connection, number):
    import signal, threading
    print("at work", file=sys.stderr, flush=True)
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= signal.pthread_sigmask(signal.SIG_BLOCK, [])
    connection.send((number + 1, LOADED_BY, os.getpid(), held, os.environ["KERAS_BACKEND"]))


def wait(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)
"""

TELLING = """
import multiprocessing, sys
from dnsearch import environment, processes
from dnsearch.errors import DnsearchError

found = []
for number in range(2):
    here, there = multiprocessing.Pipe()
    process = processes.start_process("workers.log", "work", "tell", there, number)
    there.close()
    found.append(here.recv())
    process.join()
    found[-1] += (process.exitcode,)
(one, loaded, pid, held, backend, code), (two, loaded_too, other_pid, _, _, _) = found
assert (one, two) == (1, 2), found
assert loaded == loaded_too, "the server loads the module once"
assert loaded not in (pid, other_pid) and pid != other_pid, "and never works itself"
assert held, "Ctrl-C is the parent's affair"
assert backend == "tensorflow", "the environment is set before anything is loaded"
assert code == 0
assert "work" not in sys.modules, "this process never loads the module"
"""

WAITING = """
import time
from dnsearch import environment, processes
from dnsearch.errors import DnsearchError

processes.start_process("workers.log", "work", "wait", "pid")
time.sleep(60)
"""


@pytest.fixture
def program(tmp_path):
    """Starts a program in a folder that has the module ``work``."""
    (tmp_path / "work.py").write_text(WORK)
    running = []

    def start(code: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_child_is_forked_from_a_server_that_has_the_module_loaded(program, tmp_path):
    process = program(TELLING)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (out, err) == ("", ""), "what the libraries say goes into the log"
    log = (tmp_path / "workers.log").read_text()
    assert log.count("loaded") == 1
    assert log.count("at work") == 2


def child_of(process: "subprocess.Popen[str]", pid: Path) -> psutil.Process:
    until = time.monotonic() + 30
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.02)
    return psutil.Process(int(pid.read_text()))


def alive(process: psutil.Process) -> bool:
    """Whether a process is more than a name that nobody has taken notice of yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_its_parent(program, tmp_path, how):
    process = program(WAITING)
    child = child_of(process, tmp_path / "pid")
    everyone = [child, *psutil.Process(process.pid).children(recursive=True)]
    os.kill(process.pid, how)
    process.communicate()
    until = time.monotonic() + 2
    while any(alive(each) for each in everyone):
        assert time.monotonic() < until, "somebody is still there"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_reaches_the_group_ends_neither_the_child_nor_the_server(program, tmp_path, number):
    process = program(f"import signal; signal.signal({int(number)}, lambda *_: None)\n" + WAITING)
    child = child_of(process, tmp_path / "pid")
    everyone = [child, *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, number)
    time.sleep(0.3)
    assert len(everyone) >= 3, "child, server and Python's tracker of shared things"
    assert all(alive(each) for each in everyone)
    assert process.poll() is None


QUIET = """
import sys
from dnsearch import environment, processes
from dnsearch.errors import DnsearchError

environment.prepare_tensorflow(threads=1)
import tensorflow as tf
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
assert float(tf.reduce_sum(tf.ones([2, 2]))) == 4.0
print("heard", file=sys.stderr)
"""


@pytest.mark.slow
def test_tensorflow_is_imported_without_its_chatter(program):
    process = program(QUIET)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out == ""
    assert err.splitlines()[-1] == "heard", "the error output works again afterwards"
    assert "oneDNN" not in err


DETERMINISTIC = """
import sys
from pathlib import Path

from dnsearch import environment, processes

environment.prepare_tensorflow(threads=1)
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

from dnsearch.runs.record import Stop
from dnsearch.runs.folder import RunFolder
from dnsearch.train.run import run
from dnsearch.front_door import planned_spec
from dnsearch.spec.document import load

for wanted in ("false", "true"):
    document = load("starter").with_values({"training.deterministic": wanted == "true"}, "the test")
    folder = RunFolder.create(Path(sys.argv[1]), wanted)
    run(planned_spec(document), folder, lambda event: Stop("interrupted", "at once"))
    print(is_op_determinism_enabled())
print(tf.config.optimizer.get_experimental_options())
"""


def test_a_run_sets_tensorflow_up(tmp_path):
    command = [sys.executable, "-c", DETERMINISTIC, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split()[:2] == ["False", "True"], done.stderr
    assert "'disable_meta_optimizer': True" in done.stdout, "on a processor a training starts sooner without"


def test_an_extra_that_is_missing_is_named_with_the_command_that_installs_it():
    environment.require("onnx", "json", "email")
    with pytest.raises(DnsearchError) as caught:
        environment.require("onnx", "json", "no_such_library")
    assert str(caught.value) == (
        "the extra onnx\n"
        "  expected json and no_such_library to be installed, found no no_such_library\n"
        "  Install it with: pip install 'dnsearch[onnx]'"
    )


def test_a_script_runs_in_an_interpreter_of_its_own(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('the neighbour was imported')", encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(
        "import json, sys\nfrom pathlib import Path\n"
        "Path(sys.argv[1]).write_text(json.dumps([*sys.argv[2:], 'dnsearch' in sys.modules]))\n",
        encoding="utf-8",
    )
    processes.run_script(script, tmp_path / "said", 1, "two")
    assert (tmp_path / "said").read_text(encoding="utf-8") == '["1", "two", false]'


@pytest.mark.parametrize(
    ("text", "said"), [("raise ValueError('first\\nlast')", "last"), ("raise SystemExit(3)", "exit code 3")]
)
def test_a_script_that_fails_says_why(tmp_path, text, said):
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    assert processes.run_script(tmp_path / "script.py") == said
