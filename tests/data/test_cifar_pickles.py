import builtins
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import warnings

import numpy as np
import pytest

from dnsearch.data.cifar_archive import STAND_INS, unpickle
from dnsearch.errors import DataError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.function = function
        self.arguments = arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data_batch_1"


@pytest.fixture
def refusal(file):
    """A function: bytes → the text with which they are refused."""

    def refused(content):
        file.write_bytes(content)
        with pytest.raises(DataError) as caught:
            unpickle(file.read_bytes(), str(file))
        text = str(caught.value)
        assert str(file) in text
        return text

    return refused


def test_a_pickle_of_python_2_is_read(file, python2_pickle, planes):
    data = planes(300)
    file.write_bytes(python2_pickle({"labels": [3, 255, 300], "data": data, "filenames": ["a.png"]}))
    read = unpickle(file.read_bytes(), str(file))
    assert set(read) == {"labels", "data", "filenames"}
    assert read["labels"] == [3, 255, 300]
    assert read["data"].dtype == np.uint8
    assert np.array_equal(read["data"], data)


def test_the_pickle_of_python_2_in_these_tests_is_what_numpy_understands(python2_pickle, planes):
    content = python2_pickle({"labels": [1, 2], "data": planes(2)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy.core has moved
        read = pickle.loads(content, encoding="bytes")
    assert read[b"labels"] == [1, 2]
    assert np.array_equal(read[b"data"], planes(2))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pickles_of_python_3_are_read(file, planes, protocol, order):
    data = np.asarray(planes(5), order=order)
    file.write_bytes(pickle.dumps({"data": data, "labels": [1] * 5}, protocol=protocol))
    read = unpickle(file.read_bytes(), str(file))
    assert np.array_equal(read["data"], data)
    assert read["labels"] == [1] * 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_system_command_is_refused_and_not_run(refusal, tmp_path, protocol):
    marker = tmp_path / "marker"
    content = pickle.dumps({"data": Call(os.system, f"touch {marker}")}, protocol=protocol)
    text = refusal(content)
    assert f"found a call of {os.name}.system" in text
    assert "expected a pickle of arrays, lists and text alone" in text
    assert "Get the archive from its official page" in text
    assert not marker.exists()
    pickle.loads(content)  # the payload is a live one
    assert marker.exists()


@pytest.mark.parametrize("name", ["eval", "exec", "__import__", "getattr", "open", "print"])
def test_builtins_are_refused_by_name(refusal, tmp_path, name, protocol=2):
    marker = tmp_path / "marker"
    argument = f"open({str(marker)!r}, 'w')"
    content = pickle.dumps([Call(getattr(builtins, name), argument)], protocol=protocol)
    assert f".{name}" in refusal(content)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("module_name", "name"),
    [
        ("numpy.testing._private.utils", "runstring"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy", "vectorize"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("numpy", "ndarray.tofile"),
        ("numpy", "dtype.__class__"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("__builtin__", "eval"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("importlib", "import_module"),
        ("operator", "attrgetter"),
        ("functools", "partial"),
        ("pickle", "loads"),
        ("_codecs", "decode"),
        ("codecs", "encode"),
        ("collections", "OrderedDict"),
    ],
)
def test_other_names_are_refused(refusal, module_name, name):
    called = f"a call of {module_name}.{name}"
    by_text = f"c{module_name}\n{name}\n(U\x01xtR.".encode()
    by_instance = f"(U\x01xi{module_name}\n{name}\n.".encode()
    first, second = (b"\x8c" + bytes([len(part)]) + part.encode() for part in (module_name, name))
    from_stack = b"\x80\x04" + first + second + b"\x93."
    assert called in refusal(by_text)
    assert called in refusal(by_instance)
    assert called in refusal(from_stack)


def test_exec_through_numpy_is_a_real_danger_and_refused(refusal, tmp_path):
    marker = tmp_path / "marker"
    content = (
        f"cnumpy.testing._private.utils\nrunstring\n(Vopen({str(marker)!r}, 'w').close()\n}}tR.".encode()
    )
    assert "numpy.testing._private.utils.runstring" in refusal(content)
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists()


def test_a_payload_inside_lists_keys_and_dtypes_is_refused(refusal, tmp_path):
    marker = tmp_path / "marker"
    touch = Call(os.system, f"touch {marker}")
    for carrier in (
        {"labels": [1, [2, (3, {"x": touch})]]},
        {(1, touch): 2},
        {"data": Call(np.ndarray, touch)},
        {"data": Call(np.dtype, touch)},
        [np.array([touch], dtype=object)],
    ):
        assert "system" in refusal(pickle.dumps(carrier, protocol=2))
        assert not marker.exists()


def test_a_pickle_in_a_pickle_stays_bytes(file, tmp_path):
    marker = tmp_path / "marker"
    inner = pickle.dumps(Call(os.system, f"touch {marker}"), protocol=2)
    file.write_bytes(pickle.dumps({"data": inner}, protocol=4))
    assert unpickle(file.read_bytes(), str(file)) == {"data": inner}
    assert not marker.exists()


@pytest.mark.parametrize("name", sorted(STAND_INS))
@pytest.mark.parametrize(
    "state", [b"}U\x09_functionK\x01s", b"N}U\x09_functionK\x01s\x86", b"N}U\x08__call__K\x01s\x86"]
)
def test_the_stand_ins_cannot_be_changed(refusal, file, python2_pickle, planes, name, state):
    module_name, _, attribute = name.rpartition(".")
    text = refusal(f"c{module_name}\n{attribute}\n".encode() + state + b"b.")
    assert "Error while reading" in text
    file.write_bytes(python2_pickle({"data": planes(2)}))
    assert np.array_equal(unpickle(file.read_bytes(), str(file))["data"], planes(2))


def test_the_stand_ins_run_nothing_of_numpy(refusal):
    assert "TypeError while reading" in refusal(b"cnumpy\nndarray\n(I1000000000\ntR.")
    assert "ValueError while reading" in refusal(b"c_codecs\nencode\n(Va\nVrot13\ntR.")
    assert "names as keys, found Parts" in refusal(b"cnumpy\ndtype\n(I1\nI0\nI1\ntR.")
    assert "an array of something else" in refusal(b"}U\x04datacnumpy\ndtype\n(I1\nI0\nI1\ntRs.")


def test_arrays_of_other_things_are_refused(refusal):
    assert "an array of f8" in refusal(pickle.dumps({"data": np.zeros(3)}, protocol=2))
    assert "an array of i8" in refusal(pickle.dumps({"data": np.zeros(3, np.int64)}, protocol=2))
    assert "an array of something else" in refusal(pickle.dumps({"data": np.array([None])}, protocol=2))
    never_filled = b"}U\x04datacnumpy.core.multiarray\n_reconstruct\n(NNNtRs."
    assert "an array of something else" in refusal(never_filled)


def test_arrays_whose_shape_and_bytes_differ_are_refused(refusal, python2_pickle):
    content = python2_pickle({"data": np.arange(6, dtype=np.uint8).reshape(2, 3)})
    more = content.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86")
    assert "as many bytes as an array of shape (2, 4) has, found 6" in refusal(more)


@pytest.mark.parametrize(
    "shape",
    [
        b"J\xfe\xff\xff\xffJ\xfd\xff\xff\xff\x86",
        b"(K\x01K\x01K\x01K\x02K\x03t",
        b"K\x00\x8a\x05\x00\x00\x00\x80\x00\x86",
        b")" + b"2\x86" * 60,  # as text it would have 2^60 brackets
    ],
    ids=["negative", "5 dimensions", "2^31", "nested"],
)
def test_absurd_shapes_are_refused(refusal, python2_pickle, shape):
    content = python2_pickle({"data": np.arange(6, dtype=np.uint8).reshape(2, 3)})
    text = refusal(content.replace(b"K\x02K\x03\x86", shape))
    assert "expected arrays of at most 4 dimensions below 2^31" in text


@pytest.mark.parametrize(
    ("value", "found"), [([1, 2], "list"), (3, "int"), (None, "NoneType"), ({1: 2}, "the key 1")]
)
def test_anything_but_a_dict_with_names_is_refused(refusal, value, found):
    text = refusal(pickle.dumps(value, protocol=2))
    assert f"expected a pickled dict with names as keys, found {found}" in text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_keys_that_are_neither_names_nor_numbers_are_refused(refusal, protocol):
    assert "found TypeError while reading" in refusal(pickle.dumps({("data",): 1}, protocol))
    nested = b")" + b"2\x86" * 60  # its hash would take 2^60 steps
    assert "found TypeError while reading" in refusal(b"}" + nested + b"K\x01s.")


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"data": {1, 2}}, protocol=4),
        pickle.dumps({"data": frozenset({1})}, protocol=4),
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
    ],
    ids=["set", "frozenset", "a terabyte of nothing"],
)
def test_operations_that_no_cifar_file_has_are_refused(refusal, content):
    assert "found KeyError while reading" in refusal(content)


def test_truncated_pickles_are_refused_wherever_they_end(refusal, python2_pickle, planes):
    content = python2_pickle({"labels": [1, 2], "data": planes(2)})
    for end in (0, 1, 2, 10, 50, 100, 200, len(content) // 2, len(content) - 1):
        text = refusal(content[:end])
        assert "The file is truncated or damaged; unpack the archive again." in text or "array" in text


def test_what_is_no_pickle_is_refused(refusal):
    assert "expected a whole pickle, found" in refusal(b"<html>404 Not Found</html>")
    assert "expected a whole pickle, found" in refusal(b"\x1f\x8b\x08\x00" * 10)


def test_a_claim_of_many_memos_takes_no_memory(file):
    """The unpickler in C would make room for four thousand million entries."""
    file.write_bytes(b"}r\xf0\xff\xff\xff.")
    script = (
        "import resource, sys; from pathlib import Path; from dnsearch.data.cifar_archive import unpickle;"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31));"
        "print(unpickle(Path(sys.argv[1]).read_bytes(), sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "{}\n"


def test_the_names_that_numpy_needs_are_those_that_are_let_through(planes):
    """If a NumPy writes other names into its pickles, this says so."""
    content = pickle.dumps(planes(1), protocol=2)
    asked = {
        str(argument).replace(" ", ".")
        for operation, argument, _ in pickletools.genops(content)
        if operation.name == "GLOBAL"
    }
    assert asked <= set(STAND_INS)
