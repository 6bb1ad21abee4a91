"""Small and large damage to a file, drawn from a random generator.

Bytes are flipped, cut, exchanged, repeated and inserted. Where a file has an inner form (JSON, YAML, gzip,
zip, a database), its values are exchanged as well and the form is made whole again: else a checksum
would hide all that is behind it.
"""

import gzip
import io
import json
import os
import re
import socket
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

NUMBERS = [
    *(0, 1, -1, 2, 255, 256, 65_536, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**30, 10**400, -(2**63)),
    *(0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")),
]
WORDS = ["", " ", "x", "é\u202e\x1b[31m", "../../x", "/dev/zero", "NaN", "1e400", "\x00", "null", "x" * 5000]
VALUES = [None, True, False, [], {}, [[]], {"": 0}, [None] * 300, {"a": {"b": {}}}, *NUMBERS, *WORDS]
TOKENS = [
    b"",
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\n",
    b",",
    b'"',
    b"{",
    b"[" * 60_000,
    b"(" * 300,
]

Damage = Callable[[bytes, Random], bytes]


def _flip(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        changed[_position(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _position(content: bytes, rng: Random) -> int:
    """Any byte, or one of the first: headers are there."""
    return rng.randrange(min(len(content), rng.choice((128, 1024, len(content)))))


def _put(content: bytes, rng: Random) -> bytes:
    start, token = _position(content, rng), rng.choice([*TOKENS, rng.randbytes(rng.choice((1, 4, 40)))])
    return content[:start] + token + content[start + rng.choice((0, len(token), 4)) :]


def _truncate(content: bytes, rng: Random) -> bytes:
    return content[: _position(content, rng)]


def _pieces(content: bytes, rng: Random) -> bytes:
    """Two pieces change places, or one comes once more or many times."""
    a, b, c = sorted(_position(content, rng) for _ in range(3))
    parts = [content[:a], content[a:b], content[b:c], content[c:]]
    return b"".join([parts[0], parts[2], parts[1] * rng.choice((1, 1, 2, 50)), parts[3]])


def _number(content: bytes, rng: Random) -> bytes:
    """One number that is written in digits becomes another, or some word."""
    found = rng.choice([*re.finditer(rb"-?\d+", content)] or [re.match(rb"", content)])
    put = str(rng.choice([*NUMBERS, "true", "None", "x"])).encode()
    return content[: found.start()] + put + content[found.end() :]


def _exchanged(value: Any, rng: Random) -> Any:
    """A tree of values with one of them exchanged, removed, renamed or wrapped."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not keys or rng.random() < 0.1:
        nested = value
        for _ in range(rng.choice((1, 20, 3000))):
            nested = [nested]
        return rng.choice([*VALUES, nested])
    made, key = value.copy(), rng.choice(keys)
    match rng.randrange(8):
        case 0:
            del made[key]
        case 1 if isinstance(made, dict):
            made[str(rng.choice(VALUES))[:300]] = made.pop(key)
        case 1 | 2 if isinstance(made, list):
            made[key:key] = [made[key]] * rng.choice((1, 1000))
        case _:
            made[key] = _exchanged(made[key], rng)
    return made


def _json(content: bytes, rng: Random) -> bytes:
    """One of the lines, or the whole, as JSON."""
    lines = content.splitlines(keepends=True)
    at = rng.randrange(len(lines)) if lines and lines[0].endswith(b"}\n") else None
    value = _exchanged(json.loads(content if at is None else lines[at]), rng)
    changed = _written(value) + b"\n"
    return changed if at is None else b"".join([*lines[:at], changed, *lines[at + 1 :]])


def _written(value: Any) -> bytes:
    if _depth(value) < 500:
        return json.dumps(value, ensure_ascii=False).encode(errors="replace")
    return b"[" * 3000 + b"]" * 3000


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list | dict) and value:
        value, depth = next(iter(value.values() if isinstance(value, dict) else value)), depth + 1
    return depth


def _yaml(content: bytes, rng: Random) -> bytes:
    return _written(_exchanged(yaml.safe_load(content), rng))


def _gzip(content: bytes, rng: Random) -> bytes:
    return gzip.compress(damaged(gzip.decompress(content), rng), 1)


def _zip(content: bytes, rng: Random) -> bytes:
    """One member is damaged, removed, renamed or there twice; the archive is whole."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    name, inner = members.pop(rng.randrange(len(members)))
    made = [(name, damaged(inner, rng)), (name + rng.choice("x/\0"), inner), (rng.choice(WORDS), inner)]
    members += rng.choice(([made[0]],) * 5 + ([], made[:1] * 2, made[1:2], made[1:]))
    packed, kinds = (
        io.BytesIO(),
        (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA),
    )
    with zipfile.ZipFile(packed, "w", rng.choice(kinds)) as archive:
        for each, inside in members:
            archive.writestr(zipfile.ZipInfo(each) if rng.random() < 0.1 else each, inside)
    return packed.getvalue()


def _database(content: bytes, rng: Random) -> bytes:
    """One value of a row is exchanged, or a table is emptied or dropped."""
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(content)
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type='table'")]
        table = rng.choice(tables)
        columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
        column, rows = rng.choice(columns), connection.execute(f"select rowid, * from {table}").fetchall()
        if not rows or rng.random() < 0.1:
            connection.execute(f"{rng.choice(('drop table', 'delete from'))} {table}")
        else:
            row = rng.choice(rows)
            put = _cell(row[1 + columns.index(column)], rng)
            connection.execute(f"update or ignore {table} set {column} = ? where rowid = ?", (put, row[0]))
        connection.commit()
        return connection.serialize()


def _cell(value: object, rng: Random) -> object:
    if isinstance(value, str) and value[:1] in {"{", "[", '"'}:
        return _written(_exchanged(json.loads(value), rng)).decode()
    other = rng.choice([*NUMBERS, *WORDS, None])
    return str(other) if isinstance(other, int) and abs(other) >= 2**63 else other


PLAIN: tuple[Damage, ...] = (_flip, _flip, _truncate, _pieces, _put, _number)
FORMS: dict[bytes, tuple[Damage, ...]] = {
    b"PK\3\4": (_zip,) * 8,
    b"\x1f\x8b": (_gzip,) * 8,
    b"SQLite format 3": (_database,) * 8,
    b"{": (_json,) * 8,
    b"version:": (_yaml,) * 8,
    b"extends:": (_yaml,) * 8,
}
"""How a file begins → the damage that knows its form; at most so often as all plain damage together."""


def damaged(content: bytes, rng: Random) -> bytes:
    """The content of a file, damaged in one to three places."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        knowing = next((form for start, form in FORMS.items() if content.startswith(start)), ())
        if not content:
            break
        try:
            content = rng.choice((*PLAIN, *knowing))(content, rng)
        except Exception:  # an earlier damage took its form away
            content = _flip(content, rng)
    return content


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.chdir(here)


def _endless(path: Path) -> None:
    """Ten gigabytes that take no room on the disk."""
    path.touch()
    os.truncate(path, 10 * 10**9)


def _unreadable(path: Path) -> None:
    path.write_bytes(b"{}")
    path.chmod(0)


REPLACEMENTS: tuple[Callable[[Path], object], ...] = (
    _fifo,
    _socket,
    _unreadable,
    _endless,
    Path.mkdir,
    Path.touch,
    lambda path: path.symlink_to("nowhere"),
    lambda path: path.symlink_to(path.name),
    lambda path: path.symlink_to("."),
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to("/dev/full"),
    lambda path: path.symlink_to("/proc/self/mem"),  # a regular file that no one can read
    lambda path: None,
)
"""What takes a file's place."""


def strike(folder: Path, files: list[Path], rng: Random) -> str:
    """Damage one of a folder's files (seldom: put something else into its place); says which and how."""
    path = rng.choice(files)
    if rng.random() < 0.04:
        path.unlink()
        number = rng.randrange(len(REPLACEMENTS))
        REPLACEMENTS[number](path)
        return f"{path.relative_to(folder)}: replaced, kind {number}"
    path.write_bytes(damaged(path.read_bytes(), rng))
    return f"{path.relative_to(folder)}: damaged"
