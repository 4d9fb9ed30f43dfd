"""What the doctor finds: packages in each other's way, damaged models, and devices that compute wrongly."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from fake_packages import VERSION, pretend_installed

from denoise_ae import doctor
from denoise_ae.doctor import ONNXRUNTIME, REQUIRED, check_devices, check_models, examine
from denoise_ae.modelfiles import catalog
from denoise_ae.system import cpus
from denoise_ae.system.cpus import CpuLimits, cpu_limits

ROOT = Path(__file__).resolve().parent.parent
OPENCV = REQUIRED[1]


@pytest.fixture
def libraries(tmp_path):
    """What the doctor finds of the libraries, by name, where more packages seem to be installed."""

    def find(*packages: str, modules: dict[str, str] | None = None) -> dict[str, dict]:
        folder = tmp_path / "site"
        folder.mkdir()
        pretend_installed(folder, *packages)
        for name, text in (modules or {}).items():
            (folder / f"{name}.py").write_text(text)
        program = (
            "import json\nfrom dataclasses import asdict\nfrom denoise_ae.doctor import REQUIRED, check_library\n"
            "print(json.dumps({wheels.library: asdict(check_library(wheels)) for wheels in REQUIRED}))"
        )
        paths = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        done = subprocess.run([sys.executable, "-c", program], env=paths, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return find


# Packages


def test_what_belongs_together_is_no_problem(libraries):
    found = libraries("pyside6")
    assert [library["problems"] for library in found.values()] == [[]] * len(found)
    assert all(library["version"] and library["wheels"] for library in found.values())


@pytest.mark.parametrize("other", ["opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"])
def test_a_second_opencv_is_named_with_the_command_that_leaves_ours(libraries, other):
    found = libraries(other)
    problem = found["OpenCV"]["problems"][0]  # PySide6 may be installed too, and gives a note
    assert problem["broken"]
    assert f"{other} {VERSION}" in problem["message"]
    assert "opencv-python-headless" in problem["message"]
    pip = f"{sys.executable} -m pip"
    assert problem["hint"] == (
        f"{pip} uninstall -y opencv-python-headless {other} && {pip} install opencv-python-headless"
    )
    assert not found["onnxruntime"]["problems"]


@pytest.mark.parametrize("other", ["onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"])
def test_a_second_onnxruntime_is_kept_for_its_device(libraries, other):
    (problem,) = libraries(other)["onnxruntime"]["problems"]
    assert problem["broken"]
    assert "overwrite" in problem["message"]
    pip = f"{sys.executable} -m pip"
    assert problem["hint"] == f"{pip} uninstall -y {other} onnxruntime && {pip} install {other}"


def test_three_at_once_are_all_removed(libraries):
    problem = libraries("opencv-python", "opencv-contrib-python")["OpenCV"]["problems"][0]
    removed = problem["hint"].split(" && ")[0].split(" -y ")[1].split()
    assert set(removed) == {"opencv-python", "opencv-contrib-python", "opencv-python-headless"}


@pytest.mark.skipif(sys.platform != "linux", reason="only wheels for Linux bring Qt")
@pytest.mark.parametrize("qt", ["PySide6", "PySide6_Essentials"])
def test_opencv_with_windows_beside_pyside_is_noted(libraries, qt):
    conflict, note = libraries("opencv-python", qt)["OpenCV"]["problems"]
    assert (conflict["broken"], note["broken"]) == (True, False)
    assert "PySide6" in note["message"]
    assert note["hint"].endswith("install opencv-python-headless")


def test_a_library_that_does_not_load_is_named_in_one_line(libraries):
    broken = "raise ImportError('\\n\\nlibGL.so.1: cannot open shared object file\\nmore')"
    (problem,) = libraries(modules={"cv2": broken})["OpenCV"]["problems"]
    assert problem["message"] == "OpenCV can't be loaded: libGL.so.1: cannot open shared object file"
    assert "install opencv-python-headless" in problem["hint"]


def test_what_is_left_of_a_removed_library_is_not_taken_for_it(libraries):
    """After one of two packages is removed, the module's folder is often there but empty."""
    found = libraries(modules={"onnxruntime": ""})["onnxruntime"]
    assert found["version"] is None
    assert "can't be loaded" in found["problems"][0]["message"]


# Models


def test_sound_models_have_no_problems(network):
    catalog.add(network("rgb"), "mine")
    found = check_models()
    assert [(model.name, model.origin) for model in found] == catalog.names()
    assert found[-1].name == "mine"
    assert not [model for model in found if model.problems]


def cut(model: Path, card: Path) -> None:
    model.write_bytes(model.read_bytes()[:-1])


def remove(model: Path, card: Path) -> None:
    model.unlink()


def spoil_card(model: Path, card: Path) -> None:
    card.write_text("{")


@pytest.mark.parametrize("damage", [cut, remove, spoil_card])
def test_a_damaged_model_of_the_users_is_named_and_the_others_are_looked_at(network, home, damage):
    catalog.add(network("rgb"), "mine")
    catalog.add(network("gray"), "other")
    damage(home / "models" / "mine.onnx", home / "models" / "mine.json")
    (model,) = [model for model in check_models() if model.problems]
    (problem,) = model.problems
    assert (model.name, model.origin, problem.broken) == ("mine", "user", True)
    assert str(home / "models" / "mine.") in problem.message
    assert "add" in problem.hint


def test_missing_shipped_models_are_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "denoise_ae" / "modelfiles" / "catalog.py"))
    (model,) = check_models()
    assert "install denoise-ae again" in model.problems[0].hint


# Devices


class Gpu:
    """Stands in for a CUDA session: the CPU computes, and what comes out is changed."""

    def __init__(self, session, change) -> None:
        self._session, self._change = session, change

    def __getattr__(self, name):
        return getattr(self._session, name)

    def get_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run(self, names, feeds):
        clean, *rest = self._session.run(names, feeds)
        return [self._change(clean), *rest]


@pytest.fixture
def gpu(monkeypatch):
    """Offer a device ``cuda`` that changes the network's result; None: it does not start."""
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(doctor, "SIDE", 64)
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)

    def install(change):
        def open_session(data, options, providers, **rest):
            session = real(data, options, providers=["CPUExecutionProvider"], **rest)
            return Gpu(session, change) if change and providers[0] == "CUDAExecutionProvider" else session

        monkeypatch.setattr(onnxruntime, "InferenceSession", open_session)

    return install


def one_pixel_off(clean):
    clean = clean.copy()
    clean[0, 1, 5, 7] += 3 / 255
    return clean


def half_precision(clean):
    return clean.astype(np.float16).astype(np.float32)


def not_a_number(clean):
    return clean * np.float32(np.nan)


def test_the_cpu_alone_is_sound(monkeypatch):
    monkeypatch.setattr(doctor, "SIDE", 64)
    cpu = check_devices()[0]
    assert (cpu.name, cpu.state, cpu.difference, cpu.problems) == ("cpu", "ok", 0.0, ())
    assert cpu.megapixels_a_second > 0


def test_rounding_to_half_precision_is_no_fault(gpu):
    gpu(half_precision)
    cpu, cuda = check_devices()
    assert (cpu.name, cuda.name, cuda.state, cuda.problems) == ("cpu", "cuda", "ok", ())
    assert 0 < cuda.difference < 0.3


def test_one_wrong_pixel_makes_a_device_faulty(gpu):
    gpu(one_pixel_off)
    cpu, cuda = check_devices()
    assert (cpu.state, cuda.state) == ("ok", "faulty")
    assert cuda.difference == pytest.approx(3, abs=0.01)
    (problem,) = cuda.problems
    assert problem.broken
    assert "cuda" in problem.message
    assert "3.0 of 255" in problem.message
    assert "--device cpu" in problem.hint


def test_a_device_that_gives_no_numbers_is_faulty(gpu):
    gpu(not_a_number)
    cuda = check_devices()[1]
    assert (cuda.state, cuda.difference) == ("faulty", None)
    assert "NaN or infinite" in cuda.problems[0].message


def test_a_device_that_does_not_start_is_unusable(gpu):
    gpu(None)
    cuda = check_devices()[1]
    assert (cuda.state, cuda.difference) == ("unusable", None)
    assert cuda.problems[0].broken
    assert "cuda can't be used" in cuda.problems[0].message


def test_the_cpu_failing_is_a_problem_and_nothing_is_compared_with_it(gpu, monkeypatch):
    gpu(half_precision)

    def fail(*_, **__):
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    (cpu,) = check_devices()
    assert cpu.state == "faulty"
    assert "no such instruction" in cpu.problems[0].message
    assert "install onnxruntime" in cpu.problems[0].hint


# All together


def test_a_broken_library_keeps_devices_from_being_tested(monkeypatch):
    monkeypatch.setattr(doctor, "REQUIRED", (*REQUIRED, replace(ONNXRUNTIME, module="denoise_ae.nowhere")))
    report = examine()
    assert (report.ok, report.devices) == (False, [])
    assert [problem.message.split(":")[0] for problem in report.problems] == ["onnxruntime can't be loaded"]


def test_a_note_alone_breaks_nothing(monkeypatch):
    monkeypatch.setattr(doctor, "SIDE", 64)
    report = examine()
    assert report.ok
    note = doctor.Problem("a note", "", broken=False)
    noted = replace(report, libraries=[replace(report.libraries[0], problems=(note,))])
    assert (noted.problems, noted.ok) == ([note], True)


@pytest.mark.parametrize(("quota", "usable"), [(None, 3), (1.5, 2), (0.2, 1), (8, 3)])
def test_the_parts_of_the_threads_make_up_their_number(quota, usable):
    assert CpuLimits(machine=8, affinity=3, quota=quota).usable == usable


def test_the_parts_of_the_threads_are_found(tmp_path, monkeypatch):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text("150000 100000\n")
    monkeypatch.setattr(cpus.os, "cpu_count", lambda: 16)
    monkeypatch.setattr(cpus.os, "sched_getaffinity", lambda _: {0, 1, 4}, raising=False)
    monkeypatch.setattr(cpus.sys, "platform", "linux")
    assert cpu_limits(tmp_path) == CpuLimits(machine=16, affinity=3, quota=1.5)
