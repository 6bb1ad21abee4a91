"""One measurement in a process of its own: ``child.py SIDE FUNCTION {"argument": value}`` prints JSON."""

import importlib
import json
import sys

if __name__ == "__main__":
    side, function, arguments = sys.argv[1:]
    print(json.dumps(getattr(importlib.import_module(side), function)(**json.loads(arguments))))
