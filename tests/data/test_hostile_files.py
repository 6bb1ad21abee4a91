"""Files made to hurt: each ends in a message, within 5 seconds of processor time and 500 MB of memory.

All run in one child process, one after another, whose address space is limited above what the libraries take.
"""

import gzip
import io
import json
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

SECONDS, BYTES = 5, 500_000_000

CHILD = f"""
import json, resource, sys, time
from dnsearch.data.facts import facts
from dnsearch.data.sources import load
from dnsearch.errors import DnsearchError
from dnsearch.spec.data_section import Data
import PIL.Image, numpy, scipy.io, scipy.io.matlab, psutil, sklearn

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {BYTES}, -1))
for line in sys.stdin:
    name, fields = json.loads(line)
    start = time.process_time()
    try:
        data = Data.model_validate_json(json.dumps(fields))
        facts(data)
        load(data)
        text = "read"
    except DnsearchError as error:
        text = str(error)
    except BaseException as error:
        text = f"!! {{type(error).__name__}}: {{str(error)[:200]}}"
    status = open("/proc/self/status").read()  # a child's ru_maxrss begins with its parent's
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps([name, text, time.process_time() - start, peak]), flush=True)
"""


def batch(content):
    """A folder like cifar-10-batches-py whose batches hold these bytes."""

    def made(folder):
        for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"):
            (folder / name).write_bytes(content)
        return {"source": "cifar10", "path": str(folder)}

    return made


def array_pickle(shape, content=b""):
    """A pickled dict with an array of a shape that is given as operations."""
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    text = b"T" + struct.pack("<i", len(content)) + content
    return b"\x80\x02}U\x04data" + empty + b"(K\x01" + shape + kind + b"\x89" + text + b"tbs."


def long(number):
    """The operation that pushes a whole number of any size."""
    content = pickle.encode_long(number)
    return b"\x8b" + struct.pack("<i", len(content)) + content


def doubled(times):
    """Operations that nest a tuple in itself, twice each time: 2**times leaves, a hash that never ends."""
    return b")" + b"q\x00h\x00\x86" * times


def archive(*members, headers=None):
    """A .tar.gz with some members: (name, size that is stated, bytes), or with a pax header."""

    def made(folder):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
            for name, content in members:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        path = folder / "a.tar.gz"
        path.write_bytes(gzip.compress(packed.getvalue(), 1))
        return {"source": "cifar10", "path": str(path), "verify": False}

    return made


def huge_pax(folder):
    """A pax header of 400 MiB."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 400 * 2**20
    path = folder / "a.tar.gz"
    with gzip.open(path, "wb", 1) as packed:
        packed.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(400):
            packed.write(bytes(2**20))
        packed.write(bytes(1024))
    return {"source": "cifar10", "path": str(path), "verify": False}


def inflating(folder):
    """A gigabyte of zeros."""
    (folder / "a.tar.gz").write_bytes(gzip.compress(bytes(2**20), 9) * 1024)
    return {"source": "cifar10", "path": str(folder / "a.tar.gz"), "verify": False}


def npz(shape, descr="|u1", content=b"\0" * 64, method=zipfile.ZIP_STORED):
    def made(folder):
        header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + content
        with zipfile.ZipFile(folder / "a.npz", "w", method) as packed:
            for name in ("x_train", "y_train"):
                packed.writestr(f"{name}.npy", array)
        return {"source": "npz", "path": str(folder / "a.npz")}

    return made


def idx(count, content=b""):
    def made(folder):
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, 4096, 4096)
        (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + content, 1))
        (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, count))
        return {"source": "idx", "path": str(folder)}

    return made


def png_of(width, height):
    def made(folder):
        def chunk(kind, content):
            return (
                struct.pack(">I", len(content))
                + kind
                + content
                + struct.pack(">I", zlib.crc32(kind + content))
            )

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))
        for name in ("a", "b"):
            (folder / name).mkdir()
            (folder / name / "1.png").write_bytes(picture + chunk(b"IEND", b""))
        return {"source": "folder", "path": str(folder), "image_shape": [8, 8, 3]}

    return made


HOSTILE = {
    "nested tuples as a key": (batch(b"\x80\x02}" + doubled(60) + b"K\x01s."), "TypeError"),
    "a pickle nested deep": (batch(b"\x80\x02}U\x04data" + b")" + b"\x85" * 500_000 + b"s."), "expected"),
    "a set of nested tuples": (batch(b"\x80\x04\x8f(" + doubled(60) + b"\x90."), "expected a whole pickle"),
    "a frozen set": (batch(b"\x80\x04(" + doubled(60) + b"\x91."), "expected a whole pickle"),
    "a shape of huge integers": (
        batch(array_pickle(long(256**200_000) + long(256**200_000) + b"\x86")),
        "at most 4 dimensions",
    ),
    "a shape of many integers": (
        batch(array_pickle(b"(" + b"K\x02" * 100_000 + b"t")),
        "at most 4 dimensions",
    ),
    "a shape of nested tuples": (batch(array_pickle(doubled(60))), "expected"),
    "a shape that is larger than its bytes": (
        batch(array_pickle(b"J\xff\xff\xff\x7f" * 2 + b"\x86")),
        "as many bytes",
    ),
    "labels of huge integers": (
        batch(b"\x80\x02}U\x06labels](" + long(256**200_000) * 3 + b"es."),
        "data: bytes",
    ),
    "a text longer than the pickle": (batch(b"\x80\x02}U\x04dataT\xff\xff\xff\x7f."), "whole pickle"),
    "room that a bytearray claims": (
        batch(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"."),
        "whole pickle",
    ),
    "a memo far away": (batch(b"\x80\x02}r\xff\xff\xff\x7f."), "expected"),
    "a frame of terabytes": (batch(b"\x80\x04\x95" + struct.pack("<Q", 2**42) + b"}."), "expected"),
    "an integer written in decimal digits": (batch(b"I" + b"9" * 4_000_000 + b"\n."), "whole pickle"),
    "a huge pax header": (huge_pax, "headers of more than 1,048,576 bytes"),
    "pax headers for all": (archive(("a", b""), headers={"comment": "x" * 2**21}), "headers of more than"),
    "a size in a pax header": (archive(("a", b""), headers={"size": "-5"}), "expected"),
    "a sparse file of terabytes": (
        archive(("a", b""), headers={"GNU.sparse.size": "9" * 30, "GNU.sparse.major": "1"}),
        "expected",
    ),
    "zeros that unpack to gigabytes": (
        inflating,
        "at most 268,435,456 bytes when unpacked",
    ),
    "a shape with True": (npz("(True, 8, 8)"), "a shape of whole numbers below 2^31"),
    "a negative shape": (npz("(-1, 8, 8)"), "expected"),
    "a shape of a float": (npz("(1e400, 8, 8)"), "expected"),
    "a shape beyond all numbers": (npz(f"({'9' * 4000}, 8, 8)"), "a shape of whole numbers"),
    "a shape of many dimensions": (npz(f"({'1, ' * 3000})"), "expected"),
    "a type of gigabytes": (npz("(1, 8, 8)", descr="|S2000000000"), "expected"),
    "parentheses": (npz("(" * 9000), "expected"),
    "an array that inflates": (
        npz("(64, 4096, 4096)", content=bytes(2**26), method=zipfile.ZIP_DEFLATED),
        "expected",
    ),
    "images without bytes": (idx(2**32 - 1), "expected"),
    "an image of many pixels": (png_of(2**31 - 1, 2**31 - 1), "pixels"),
    "an image whose pixels are missing": (png_of(9000, 9000), "expected a PNG or JPEG image"),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    lines = []
    for number, (name, (made, _)) in enumerate(HOSTILE.items()):
        folder = tmp_path_factory.mktemp(f"hostile{number}")
        lines.append(json.dumps([name, made(folder)]))
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-300:]
    return {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_once(outcomes, name):
    text, seconds, peak = outcomes[name]
    assert HOSTILE[name][1] in text, text
    assert not text.startswith("!!")
    assert len(text) < 1500
    assert seconds < SECONDS
    assert peak < BYTES
