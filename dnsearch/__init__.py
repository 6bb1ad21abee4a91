"""A laboratory for DenseNets: specs, exact cost, Keras models, training, search, leaderboard.

Each name below is loaded at its first use, so importing dnsearch takes milliseconds::

    load ─▶ Document ─▶ plan, cost
                ├─▶ build ─▶ keras.Model
                ├─▶ train ─▶ Run ─▶ evaluate
                ├─▶ search ─▶ Search
                └─▶ compare ─▶ Result

Where a function has the name of a package, the function is the attribute (``dnsearch.train``); modules are
imported by their full names (``from dnsearch.train.run import run``).
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnsearch.errors import DataError, DnsearchError, RunError, SpecError, StudyError, TrainingError
    from dnsearch.front_door import Run, Search, build, compare, cost, evaluate, load, plan, search, train

__version__ = "0.1.0"

__all__ = ["Run", "Search", "build", "compare", "cost", "evaluate", "load", "plan", "search", "train"]
__all__ += ["DataError", "DnsearchError", "RunError", "SpecError", "StudyError", "TrainingError"]


class _Package(ModuleType):
    """Keeps an import of ``dnsearch.train.run`` from putting the package in the function's place."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in __all__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:  # noqa: ANN401  (whatever has the name)
    if name not in __all__:
        raise AttributeError(f"module 'dnsearch' has no attribute {name!r}")
    module = "errors" if name.endswith("Error") else "front_door"
    return getattr(import_module(f"dnsearch.{module}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
