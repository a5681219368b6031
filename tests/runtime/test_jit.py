"""Machine code from LLVM IR: what is compiled, linked, remembered and refused."""

from __future__ import annotations

import ctypes
import math
import os
import subprocess
import sys
import threading

import pytest

from flambeau.runtime import jit

INT_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
ADD_SEVEN = """
define i64 @add_seven(i64 %x) {
  %y = add i64 %x, 7
  ret i64 %y
}
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A disk cache of this test's own."""
    monkeypatch.setattr(jit, "_cache", lambda: jit.object_cache.ObjectCache(str(tmp_path), 2**20))
    return tmp_path


def run_python(code, **environment):
    """Run ``code`` in a fresh interpreter and return what it printed."""
    command = [sys.executable, "-c", code]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_module_gives_the_addresses_of_the_functions_asked_for():
    ir = """
    define i64 @double(i64 %x) {
      %y = shl i64 %x, 1
      ret i64 %y
    }
    define i64 @triple(i64 %x) {
      %y = mul i64 %x, 3
      ret i64 %y
    }
    """
    addresses = jit.compile_ir(ir, ["double", "triple"])
    assert set(addresses) == {"double", "triple"}
    assert INT_FUNCTION(addresses["double"])(21) == 42
    assert INT_FUNCTION(addresses["triple"])(5) == 15


def test_the_same_names_in_two_modules_do_not_clash():
    first = jit.compile_ir(ADD_SEVEN, ["add_seven"])["add_seven"]
    second = jit.compile_ir(ADD_SEVEN.replace("%x, 7", "%x, 70"), ["add_seven"])["add_seven"]
    assert INT_FUNCTION(first)(1) == 8
    assert INT_FUNCTION(second)(1) == 71


def test_constants_and_libm_are_reached():
    ir = """
    @table = internal constant [3 x double] [double 0.5, double 1.5, double 2.5]
    declare double @cos(double)
    define double @cos_of_entry(i64 %i) {
      %p = getelementptr [3 x double], ptr @table, i64 0, i64 %i
      %x = load double, ptr %p
      %y = call double @cos(double %x)
      ret double %y
    }
    """
    address = jit.compile_ir(ir, ["cos_of_entry"])["cos_of_entry"]
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(address)(1) == math.cos(1.5)


def test_alwaysinline_helpers_disappear_into_their_callers():
    ir = """
    define internal i64 @helper(i64 %x) alwaysinline {
      %y = mul i64 %x, 11
      ret i64 %y
    }
    define i64 @caller(i64 %x) {
      %y = call i64 @helper(i64 %x)
      ret i64 %y
    }
    """
    assert "helper" not in jit.assembly(ir)
    assert INT_FUNCTION(jit.compile_ir(ir, ["caller"])["caller"])(3) == 33


def test_defined_symbols_link_also_when_the_object_comes_from_disk(cache):
    callback = INT_FUNCTION(lambda x: x * 100)
    ir = """
    declare i64 @flambeau_test_callback(i64)
    define i64 @call_back(i64 %x) {
      %y = call i64 @flambeau_test_callback(i64 %x)
      ret i64 %y
    }
    """
    jit.define_symbol("flambeau_test_callback", ctypes.cast(callback, ctypes.c_void_p).value)
    compiled, loaded = jit.stats.compiled, jit.stats.loaded
    for _ in range(2):
        assert INT_FUNCTION(jit.compile_ir(ir, ["call_back"])["call_back"])(3) == 300
    assert (jit.stats.compiled, jit.stats.loaded) == (compiled + 1, loaded + 1)


def test_a_damaged_object_is_compiled_again(cache):
    jit.compile_ir(ADD_SEVEN, ["add_seven"])
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    compiled = jit.stats.compiled
    assert INT_FUNCTION(jit.compile_ir(ADD_SEVEN, ["add_seven"])["add_seven"])(0) == 7
    assert jit.stats.compiled == compiled + 1


def test_wrong_ir_and_missing_symbols_raise():
    with pytest.raises(RuntimeError, match="IR parsing error"):
        jit.compile_ir("define i64 @broken(", ["broken"])
    with pytest.raises(RuntimeError, match="no_such_function"):
        jit.compile_ir(ADD_SEVEN, ["no_such_function"])
    assert INT_FUNCTION(jit.compile_ir(ADD_SEVEN, ["add_seven"])["add_seven"])(1) == 8


def test_many_threads_may_compile_at_once():
    results = {}

    def work(number):
        address = jit.compile_ir(ADD_SEVEN.replace("%x, 7", f"%x, {number}"), ["add_seven"])["add_seven"]
        results[number] = INT_FUNCTION(address)(1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number + 1 for number in range(8)}


def test_the_target_describes_this_machine():
    host = jit.target()
    assert host.vector_bytes in (16, 32, 64)
    assert host.triple.startswith(host.architecture)
    assert host is jit.target()


def test_the_environment_may_lower_the_vector_width():
    code = "from flambeau.runtime import jit; print(jit.target().vector_bytes)"
    assert run_python(code, FLAMBEAU_CPU_VECTOR="16") == "16"
    widest = int(run_python(code, FLAMBEAU_CPU_VECTOR=""))
    assert int(run_python(code, FLAMBEAU_CPU_VECTOR="64")) == widest


def test_importing_loads_no_llvm():
    assert run_python("import sys; import flambeau.runtime.jit; print('llvmlite' in sys.modules)") == "False"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_compiles():
    code = f"""
import ctypes, os
from flambeau.runtime import jit
jit.compile_ir({ADD_SEVEN!r}, ["add_seven"])
child = os.fork()
if child == 0:
    address = jit.compile_ir({ADD_SEVEN!r}.replace("7", "9"), ["add_seven"])["add_seven"]
    os._exit(ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(1))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python(code) == "10"
