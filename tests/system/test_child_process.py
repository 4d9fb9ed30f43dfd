"""How children are started, by Python and by the stand-alone program."""

import sys

from denoise_ae.system.child_process import CHILD, child_command


def test_python_runs_a_program():
    assert child_command("worker", "print()") == [sys.executable, "-P", "-c", "print()"]


def test_the_stand_alone_program_runs_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child_command("worker", "print()") == [sys.executable, CHILD, "worker"]
