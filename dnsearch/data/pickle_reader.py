"""Reads the CIFARs' pickles without letting a pickle call anything.

A pickle is a program: it may name any function and have it called. Those of the CIFAR archives name only
what NumPy needs to rebuild an array, so here these few names lead to stand-ins that merely remember what
they were given, and every other name is refused before anything is called. The arrays are built
afterwards, by this module, from checked parts::

    pickle ─▶ dict of lists, bytes and ArrayParts ─▶ dict of lists, bytes and arrays
"""

import io
import math
import pickle
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.checks import refuse
from dnsearch.errors import DataError

UNSIGNED_BYTE = ("u1", "|u1", "uint8")
HINT = "This is no CIFAR file; do not use it. Get the archive from its official page."


class DtypeParts:
    """What a pickle says of a dtype: its code; byte order and the like do not matter to single bytes."""

    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        self.code = _text(code)

    def __setstate__(self, state: object) -> None:
        """Ignore what follows: an unsigned byte has no choices."""


class ArrayParts:
    """What a pickle says of an array."""

    __slots__ = ("state",)

    def __setstate__(self, state: object) -> None:
        self.state = state


class StandIn:
    """A name that a pickle may call; without attributes, so that a pickle cannot change it either."""

    __slots__ = ("_function",)
    _function: Callable[..., object]

    def __init__(self, function: Callable[..., object]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: object) -> object:
        """Do what stands behind the name, which runs nothing of the pickle's."""
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


def _encoded(text: object, encoding: object) -> bytes:
    """What Python 3 writes for bytes in protocol 2."""
    if not isinstance(text, str) or _text(encoding) != "latin1":
        raise ValueError("only text in latin1 can be bytes")
    return text.encode("latin1")


STAND_INS = {
    "numpy.core.multiarray._reconstruct": StandIn(lambda kind, shape, code: ArrayParts()),
    "numpy._core.multiarray._reconstruct": StandIn(lambda kind, shape, code: ArrayParts()),
    "numpy.ndarray": StandIn(lambda: None),
    "numpy.dtype": StandIn(lambda code, align, copy: DtypeParts(code)),
    "_codecs.encode": StandIn(_encoded),
}


# The unpickler in C makes room for as many memos as a pickle claims to need, gigabytes if it likes; the
# one in Python keeps them in a dict, and these pickles are few operations around large strings.
class _Unpickler(pickle._Unpickler):
    """Refuses every name but those of STAND_INS."""

    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")  # Python 2's strings are bytes
        self._where = where

    def find_class(self, module: str, name: str) -> object:
        """The stand-in for a name.

        Raises:
            DataError: the pickle asks for anything else.
        """
        wanted = f"{module}.{name}"
        if wanted not in STAND_INS:
            raise refuse(self._where, "a pickle of arrays, lists and text alone", f"a call of {wanted}", HINT)
        return STAND_INS[wanted]


def unpickle(content: bytes, where: str) -> dict[str, object]:
    """The dict that a pickle holds; arrays in it are uint8.

    Args:
        content: what Python 2 or 3 pickled.
        where: what to call it in a refusal.

    Raises:
        DataError: it is broken, no dict, or asks for a forbidden name.
    """
    found = _loaded(content, where)
    if not isinstance(found, dict) or not all(isinstance(key, bytes | str) for key in found):
        raise refuse(where, "a pickled dict with names as keys", type(found).__name__, HINT)
    return {
        _text(key): _array(value, where) if isinstance(value, ArrayParts) else value
        for key, value in found.items()
    }


def _loaded(content: bytes, where: str) -> object:
    try:
        return _Unpickler(content, where).load()
    except DataError:
        raise
    # A broken pickle runs into whatever its operations stumble over: IndexError, KeyError, TypeError, ...
    except Exception as error:
        hint = "The file is truncated or damaged; unpack the archive again."
        raise refuse(where, "a whole pickle", f"{type(error).__name__} while reading", hint) from error


def _array(parts: ArrayParts, where: str) -> NDArray[np.uint8]:
    """The array that parts describe, if they fit together."""
    match getattr(parts, "state", None):
        case (int(), tuple(shape), DtypeParts(code=code), bool() | int() as fortran, bytes(content)):
            pass
        case _:
            raise refuse(where, "arrays of unsigned bytes", "an array of something else", HINT)
    if code not in UNSIGNED_BYTE:
        raise refuse(where, "arrays of unsigned bytes (u1)", f"an array of {code[:20]}", HINT)
    if not all(type(side) is int and side >= 0 for side in shape) or math.prod(shape) != len(content):
        raise refuse(where, f"as many bytes as an array of shape {shape!r:.60} has", f"{len(content)}", HINT)
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def _text(name: object) -> str:
    """A name as text, whether it was pickled as bytes or as text."""
    match name:
        case bytes():
            return name.decode("latin1")
        case str():
            return name
        case _:
            raise TypeError(f"a name is text, not {type(name).__name__}")
