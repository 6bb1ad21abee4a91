"""Input files come from strangers: only regular files of a sensible size are read, and nothing ever waits."""

import errno
import json
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

MOST_BYTES = 2**28
"""Of a file that is read whole."""


def opened(path: Path) -> BufferedReader:
    """Open a regular file, through symbolic links; a folder, pipe, socket or device is an OSError, too."""
    # A pipe that nobody writes to is opened without waiting, and can then be refused.
    flag = getattr(os, "O_NONBLOCK", 0)
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | flag))  # noqa: SIM115  (Path.open has no opener)
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.close()
    raise OSError(errno.EINVAL, "a pipe, socket or device", str(path))


def content(path: Path) -> bytes:
    """All bytes of a regular file; an OSError as ``opened``, or where they are more than MOST_BYTES."""
    with opened(path) as stream:
        if os.fstat(stream.fileno()).st_size > MOST_BYTES:
            raise OSError(errno.EINVAL, f"more than {MOST_BYTES:,} bytes", str(path))
        return stream.read()


def json_value(path: Path) -> Any:  # noqa: ANN401  (whatever JSON holds)
    """What a JSON file holds.

    Raises:
        OSError: as ``content``.
        ValueError: it holds no JSON.
    """
    try:
        return json.loads(content(path))
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
