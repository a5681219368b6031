"""``flambeau run SCRIPT.py ARGS``: a PyTorch script, unchanged, on flambeau."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType, TracebackType

from flambeau import alias

USAGE = "usage: flambeau run SCRIPT.py [ARGS]"


def main(arguments: Sequence[str]) -> int:
    """Run the script as ``python SCRIPT.py ARGS`` would, with ``torch`` and ``torchvision`` meaning flambeau.

    The script sees its own ``sys.argv``, ``sys.path[0]`` and ``__main__``. The traceback of an exception that
    it does not catch begins at the script. Returns the exit status; ``SystemExit`` passes through.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2

    script = arguments[0]
    try:
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        print(f"flambeau run: can't open file '{script}': {error.strerror}", file=sys.stderr)
        return 2

    alias.install()
    sys.argv = list(arguments)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    module = ModuleType("__main__")
    module.__file__ = script
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    return execute(source, script, module)


def execute(source: bytes, script: str, module: ModuleType) -> int:
    """Compile and run ``source`` in ``module``; report an exception as Python does. Returns the status."""
    code: CodeType | None = None
    try:
        code = compile(source, script, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        trace = from_code(error.__traceback__, code)
        # The hook is looked up now: the script may have set its own.
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def from_code(trace: TracebackType | None, code: CodeType | None) -> TracebackType | None:
    """The part of a traceback that begins in ``code``; nothing where it never got there (a syntax error)."""
    while trace is not None and trace.tb_frame.f_code is not code:
        trace = trace.tb_next
    return trace
