"""Small and large damage to a file, drawn from a random generator.

Where a file has an inner form (JSON, YAML, gzip, zip, a database), its values are exchanged as well and the
form is made whole again: else a checksum would hide all that is behind it.
"""

import gzip
import io
import json
import os
import re
import sqlite3
import zipfile
from pathlib import Path

import yaml

NUMBERS = [
    *(0, 1, -1, 2, 255, 256, 65_536, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**30, 10**400, -(2**63)),
    *(0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")),
]
WORDS = ["", " ", "x", "é\u202e\x1b[31m", "../../x", "/dev/zero", "NaN", "1e400", "\x00", "null", "x" * 5000]
DEEP = "<deep>"
VALUES = [None, True, False, [], {}, [[]], {"": 0}, [None] * 300, {"a": {"b": {}}}, *NUMBERS, *WORDS, DEEP]
TOKENS = [b"", b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\n", b",", b'"', b"{", b"[" * 60_000, b"(" * 300]


def _position(content, rng):
    """Any byte, or one of the first: headers are there."""
    return rng.randrange(min(len(content), rng.choice((128, 1024, len(content)))))


def _plain(content, rng):
    """Flip bits, cut, exchange or repeat pieces, put something in, or change a number that is in digits."""
    first, second, third = sorted(_position(content, rng) for _ in range(3))
    match rng.randrange(6):
        case 0 | 1:
            changed = bytearray(content)
            for _ in range(rng.choice((1, 1, 1, 2, 8))):
                changed[_position(content, rng)] ^= 1 << rng.randrange(8)
            return bytes(changed)
        case 2:
            return content[:second]
        case 3:
            moved = content[first:second] * rng.choice((1, 1, 2, 50))
            return b"".join([content[:first], content[second:third], moved, content[third:]])
        case 4:
            token = rng.choice([*TOKENS, rng.randbytes(rng.choice((1, 4, 40)))])
            return content[:second] + token + content[second + rng.choice((0, len(token), 4)) :]
        case _:
            found = rng.choice([*re.finditer(rb"-?\d+", content)] or [re.match(rb"", content)])
            put = str(rng.choice([*NUMBERS, "true", "None", "x"])).encode()
            return content[: found.start()] + put + content[found.end() :]


def _exchanged(value, rng):
    """A tree of values with one of them exchanged, removed, renamed, repeated or wrapped."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not keys or rng.random() < 0.1:
        return rng.choice([*VALUES, [value]])
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


def _written(value):
    text = json.dumps(value, ensure_ascii=False).replace(f'"{DEEP}"', "[" * 3000 + "]" * 3000)
    return text.encode(errors="replace")


def _json(content, rng):
    """One of the lines, or the whole, as JSON."""
    lines = content.splitlines() if content.partition(b"\n")[0].endswith(b"}") else [content]
    at = rng.randrange(len(lines))
    lines[at] = _written(_exchanged(json.loads(lines[at]), rng))
    return b"\n".join(lines) + b"\n"


def _zip(content, rng):
    """One member is damaged, removed, renamed or there twice; the archive is whole."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    name, inner = members.pop(rng.randrange(len(members)))
    made = [(name, damaged(inner, rng)), (name + rng.choice("x/\0"), inner), (rng.choice(WORDS), inner)]
    members += rng.choice(([made[0]],) * 5 + ([], made[:1] * 2, made[1:2], made[1:]))
    kind = rng.choice([zipfile.ZIP_STORED] * 2 + [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        for each, inside in members:
            archive.writestr(zipfile.ZipInfo(each), inside, kind)
    return packed.getvalue()


def _database(content, rng):
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
            value = row[1 + columns.index(column)]
            put = rng.choice([*map(str, NUMBERS), *WORDS, None])
            if isinstance(value, str) and value[:1] in {"{", "[", '"'}:
                put = _written(_exchanged(json.loads(value), rng)).decode()
            connection.execute(f"update or ignore {table} set {column} = ? where rowid = ?", (put, row[0]))
        connection.commit()
        return connection.serialize()


FORMS = {
    b"PK\3\4": _zip,
    b"\x1f\x8b": lambda content, rng: gzip.compress(damaged(gzip.decompress(content), rng), 1, mtime=0),
    b"SQLite format 3": _database,
    b"{": _json,
    b"version:": lambda content, rng: _written(_exchanged(yaml.safe_load(content), rng)),
}
FORMS[b"extends:"] = FORMS[b"version:"]  # how a file begins → the damage that knows its form


def damaged(content, rng):
    """The content of a file, damaged in one to three places."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        knowing = [form for start, form in FORMS.items() if content.startswith(start)]
        if not content:
            break
        try:
            content = rng.choice([_plain] * 6 + knowing * 8)(content, rng)
        except Exception:  # an earlier damage took its form away
            content = _plain(content, rng)
    return content


LINKS = ("nowhere", ".", "/dev/zero", "/dev/full", "/proc/self/mem")  # the last is regular, and unreadable
REPLACEMENTS = [os.mkfifo, Path.mkdir, Path.touch, lambda path: path.touch(0), lambda path: None]
REPLACEMENTS += [lambda path, to=to: path.symlink_to(to or path.name) for to in (*LINKS, "")]
REPLACEMENTS += [lambda path: path.touch() or os.truncate(path, 10**10)]  # it takes no room on the disk


def strike(folder, files, rng):
    """Damage one of a folder's files (seldom: put something else into its place); says which and how."""
    path = rng.choice(files)
    if rng.random() < 0.04:
        path.unlink()
        number = rng.randrange(len(REPLACEMENTS))
        REPLACEMENTS[number](path)
        return f"{path.relative_to(folder)}: replaced, kind {number}"
    path.write_bytes(damaged(path.read_bytes(), rng))
    return f"{path.relative_to(folder)}: damaged"
