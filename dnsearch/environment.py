"""The only place that reads or sets environment variables, and that prepares TensorFlow.

TensorFlow reads its environment when it is imported, so ``set_environment`` has to come first; a house
test keeps every other module from touching ``os.environ``.
"""

import contextlib
import importlib
import importlib.util
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dnsearch.errors import DnsearchError, Problem

ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",  # off by default on some CPUs; a third faster on convolutions
    "GRPC_VERBOSITY": "ERROR",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do by itself, and warns of until then
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # nvidia-smi's numbers; CUDA alone would count the fastest GPU first
}
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


def set_environment() -> None:
    """Set what TensorFlow shall find when it is imported; what a person set stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def without_pydantic_plugins() -> None:
    """Keep pydantic from reading the metadata of every installed package in search of plugins."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


@contextlib.contextmanager
def temporarily_set() -> Iterator[None]:
    """The same for a block that starts processes, which keep it; this process gets its own values back."""
    before = dict(os.environ)
    set_environment()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def prepare_tensorflow(threads: int | None = None, gpus: Sequence[str] | None = None) -> None:
    """Import TensorFlow without its log messages and set it up, before anything is computed.

    An operation has ``threads``, by default all cores. ``gpus`` are some of ``installed_gpus``, by default
    all; the others are hidden from the whole process, which must not have used a GPU yet.
    """
    set_environment()
    check_address_space()
    if gpus is not None:
        os.environ[VISIBLE_GPUS] = ",".join(gpus)
    with stderr_to(os.devnull):
        import tensorflow as tf
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(max(1, threads))
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, enable=True)


def check_address_space() -> None:
    """Refuse an address space in which TensorFlow would abort: what a small training needs, as measured.

    Raises:
        DnsearchError: ``ulimit -v`` allows less.
    """
    limit, needed = resource.getrlimit(resource.RLIMIT_AS)[0], 2.2e9 + 0.05e9 * min(cores(), 16)
    if limit != resource.RLIM_INFINITY and limit < needed:
        expected = f"at least {needed / 1e9:.1f} GB of address space for TensorFlow"
        hint = "Allow more in the shell that starts dnsearch, such as ulimit -v 4000000 (kB), or unlimited."
        raise DnsearchError(str(Problem("memory", expected, f"{limit / 1e9:.1f} GB", hint)))


def prepare_training(*, deterministic: bool) -> None:
    """Set TensorFlow up for one training, to the end of this process.

    On a processor its graphs run as they are traced. Rewriting them takes half a second per network, and a
    training gains nothing by it; predictions do, and so does everything on a GPU.
    """
    import tensorflow as tf

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if not tf.config.list_physical_devices("GPU"):
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@contextlib.contextmanager
def stderr_to(path: str) -> Iterator[None]:
    """Send the process' error output to a file: TensorFlow logs before its log level is read."""
    sys.stderr.flush()
    kept = os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(target, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(target)


def versions() -> dict[str, str]:
    """Library → version, of what a run's result depends on."""
    from importlib.metadata import version

    libraries = ("dnsearch", "tensorflow", "keras", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in libraries}}


def hardware() -> dict[str, Any]:
    """What this process runs on: processor, cores that it may use, threads of an operation, memory, GPUs."""
    import psutil
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return {
        "processor": _processor(),
        "cores": cores(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in devices],
    }


def gpus() -> tuple[str, ...]:
    """TensorFlow's names of the GPUs that this process may use, such as ``GPU:0``."""
    import tensorflow as tf

    return tuple(device.name.removeprefix("/device:") for device in tf.config.list_logical_devices("GPU"))


def installed_gpus() -> tuple[str, ...]:
    """Names of the GPUs that children could be given, without TensorFlow.

    What ``CUDA_VISIBLE_DEVICES`` lists, where it is set (a batch system sets it to what it grants); else
    the numbers of ``nvidia-smi``. Both count the GPUs by their place in the machine.
    """
    if (granted := os.environ.get(VISIBLE_GPUS)) is not None:
        return tuple(name.strip() for name in granted.split(",") if name.strip())
    listed = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        ran = subprocess.run(listed, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(ran.stdout.split())


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def threads(processors: int | None = None) -> int:
    """Threads of an operation: ``TF_NUM_INTRAOP_THREADS``, which TensorFlow reads, too, else all processors.

    Sums are rounded differently with another number, so it may depend on nothing but the machine.
    """
    said = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else processors or cores()


def _processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  (not a path of ours)
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_memory_bytes() -> int:
    """The largest resident set that this process has had, since ``forget_peak_memory`` where Linux tells."""
    status = Path("/proc/self/status")
    if status.is_file():
        (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak_memory() -> None:
    """Begin anew to watch the largest resident set, for another run in the same process."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def free_memory_bytes() -> int:
    """Memory that can be had without swapping."""
    import psutil

    return psutil.virtual_memory().available


@contextlib.contextmanager
def at_most(memory_bytes: int) -> Iterator[None]:
    """Let a block take so much more memory; beyond it there is none (on Linux; elsewhere nothing changes)."""
    import psutil

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if sys.platform == "linux":
        limit = psutil.Process().memory_info().data + memory_bytes
        limit = limit if soft == resource.RLIM_INFINITY else min(limit, soft)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def process_identity() -> dict[str, Any]:
    """Host name and process id, so that a person can find a run's trainer."""
    return {"host": platform.node(), "pid": os.getpid()}


def require(extra: str, *libraries: str) -> None:
    """Make sure that the libraries of one of our extras are installed, without importing them."""
    if missing := [name for name in libraries if importlib.util.find_spec(name) is None]:
        expected, hint = f"{' and '.join(libraries)} to be installed", f"pip install 'dnsearch[{extra}]'"
        found = f"no {missing[0]}"
        raise DnsearchError(str(Problem(f"the extra {extra}", expected, found, f"Install it with: {hint}")))


def imported(library: str) -> Any:  # noqa: ANN401  (a module: whatever it holds)
    """A library that takes long to load, at its first use; what always needs one imports it as usual."""
    return importlib.import_module(library)
