"""A PostgreSQL server of one's own for a block: started on a free port, gone afterwards.

The server refuses to run as root, so root runs it as the user ``postgres`` or ``nobody``.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DURABLE = ("-c", "fsync=on")
FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest version's; None where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def server(settings: tuple[str, ...] = FAST, connections: int = 100) -> Iterator[str]:
    """The URL of a new server with one empty database; anyone on this machine may use it."""
    folder = Path(tempfile.mkdtemp(prefix="dnsearch-postgres-"))
    user = _user()
    if user is not None:
        shutil.chown(folder, user)
    try:
        data, bin_folder = folder / "data", programs()
        assert bin_folder, "there is no PostgreSQL on this machine"
        init = [bin_folder / "initdb", "-D", data, "-U", "dnsearch", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder, env=_english())
        port = _free_port()
        options = ["-p", str(port), "-c", f"max_connections={connections}", *settings]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [bin_folder / "postgres", "-D", data, *options],
                stdout=log,
                stderr=log,
                user=user,
                cwd=folder,
                env=_english(),
            )
        try:
            _wait(process, folder / "log")
            yield f"postgresql+psycopg://dnsearch@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # its fast way to end: sessions are cut off
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    if os.getuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def _english() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "LANG": "C"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while b"ready to accept connections" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
