"""``flambeau run``: a script runs as under ``python``, with flambeau for PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def script(tmp_path):
    def write(text: str, name: str = "program.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def flambeau(*arguments, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "flambeau", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_the_script_sees_what_python_would_show_it(script):
    path = script(
        """
        import sys
        import helper
        print(__name__, __file__, sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
        print(__spec__, __package__, helper.here, __builtins__ is not None)
        """
    )
    script("here = 'beside the script'", "helper.py")
    # Neither -m nor the console script leaves anything of itself behind.
    ours = flambeau("run", path, "--flag", "value", "-h")
    python = subprocess.run([sys.executable, path, "--flag", "value", "-h"], capture_output=True, text=True)
    assert ours.stdout == python.stdout
    assert (ours.returncode, ours.stderr) == (0, "")


def test_import_torch_is_flambeau(script):
    path = script(
        """
        import torch
        import flambeau
        print(torch is flambeau)
        """
    )
    assert flambeau("run", path).stdout == "True\n"


@pytest.mark.parametrize(
    "body",
    [
        "def f():\n    raise ValueError('wrong')\nf()\n",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') from error\n",
        "x = (1,\n",
        "import sys\nsys.excepthook = lambda *found: print('mine', found[0].__name__)\nundefined\n",
        "import sys\nsys.exit(3)\n",
        "import sys\nsys.exit('a message')\n",
        "print('to the end')\n",
    ],
)
def test_endings_are_those_of_python(script, body):
    path = script(body)
    ours = flambeau("run", path)
    python = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert (ours.returncode, ours.stdout, ours.stderr) == (python.returncode, python.stdout, python.stderr)


def test_an_encoding_line_is_honoured(script, tmp_path):
    path = tmp_path / "latin.py"
    path.write_bytes("# -*- coding: latin-1 -*-\nprint(len('é'))\n".encode("latin-1"))
    assert flambeau("run", path).stdout == "1\n"


def test_a_missing_script_is_named():
    result = flambeau("run", "no_such_script.py")
    assert result.returncode == 2
    assert result.stderr == "flambeau run: can't open file 'no_such_script.py': No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["run", "--help"], 0), ([], 2), (["run"], 2)]
)
def test_usage(arguments, status):
    result = flambeau(*arguments)
    assert result.returncode == status
    assert "usage: flambeau" in (result.stdout if status == 0 else result.stderr)


def test_an_unknown_command_is_refused():
    result = flambeau("fly")
    assert result.returncode == 2
    assert "unknown command 'fly'" in result.stderr


def test_a_relative_path_works_from_its_folder(script):
    path = script("print(__file__)")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert flambeau("run", path.name, cwd=path.parent, env=environment).stdout == "program.py\n"
