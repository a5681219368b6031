"""The doctor looks at everything, and a broken part is a line, not a crash."""

from __future__ import annotations

from flambeau.cli import doctor


def test_this_machine_is_well(capsys):
    assert doctor.main([]) == 0
    shown = capsys.readouterr().out
    for name in doctor.CHECKS:
        assert name in shown
    assert "broken" not in shown


def test_something_broken_is_reported_and_the_rest_still_examined(monkeypatch, capsys):
    def fail():
        raise OSError("no such library")

    monkeypatch.setattr(doctor, "CHECKS", {"BLAS": fail, "settings": lambda: ("ok", "fine")})
    assert doctor.main([]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "broken  BLAS       OSError: no such library",
        "ok      settings   fine",
        "",
        "1 of 2 checks broken",
    ]


def test_settings_are_listed(monkeypatch):
    monkeypatch.setenv("FLAMBEAU_EAGER", "1")
    verdict, text = doctor.settings()
    assert verdict == "note"
    assert "FLAMBEAU_EAGER=1" in text


def test_a_cache_that_is_turned_off_is_a_note(monkeypatch):
    monkeypatch.setenv("FLAMBEAU_CACHE", "0")
    assert doctor.cache()[0] == "note"


def test_a_cache_that_is_not_there_yet_is_well(monkeypatch, tmp_path):
    monkeypatch.delenv("FLAMBEAU_CACHE", raising=False)
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path / "later"))
    assert doctor.cache()[0] == "ok"


def test_arguments_are_refused(capsys):
    assert doctor.main(["--fix"]) == 2
