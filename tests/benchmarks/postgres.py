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

FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest version's; None where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Server:
    """A server that can be stopped and started again.

    Args:
        folder: where everything of it is.
        settings: options of the server.
        connections: how many it allows.
    """

    def __init__(self, folder: Path, settings: tuple[str, ...], connections: int) -> None:
        self._folder, self._settings, self._connections = folder, settings, connections
        self._user, self._port = _user(), _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+psycopg://dnsearch@127.0.0.1:{self._port}/postgres"

    def make(self) -> None:
        """Make its files."""
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-U", "dnsearch", "-A", "trust", "--no-sync", "-E", "UTF8").wait()

    def start(self) -> None:
        """Start it and wait until it answers."""
        (self._folder / "log").unlink(missing_ok=True)
        options = ["-p", str(self._port), "-c", f"max_connections={self._connections}", *self._settings]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        self._process = self._run("postgres", *options)
        _wait(self._process, self._folder / "log")

    def stop(self) -> None:
        """End it; sessions are cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        bin_folder = programs()
        assert bin_folder, "there is no PostgreSQL on this machine"
        command = [bin_folder / program, "-D", self._folder / "data", *arguments]
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, cwd=self._folder, env=_english()
            )


@contextmanager
def server(settings: tuple[str, ...] = FAST, connections: int = 100) -> Iterator[Server]:
    """A new server with one empty database; anyone on this machine may use it."""
    folder = Path(tempfile.mkdtemp(prefix="dnsearch-postgres-"))
    made = Server(folder, settings, connections)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
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
