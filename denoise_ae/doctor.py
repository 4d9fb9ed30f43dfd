"""Examine an installation: libraries, CPUs, devices and models. Nothing is changed.

A library that can't be loaded is a finding, so this module imports none before it is examined.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from denoise_ae import __version__
from denoise_ae.errors import DeviceError, ModelError
from denoise_ae.modelfiles import catalog
from denoise_ae.system.cpus import CpuLimits, cpu_limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SIDE = 512
"""Height and width in pixels of the picture that devices are tested with."""
SIGMA = 25.0
"""Standard deviation of its noise, in 8-bit steps."""
TOLERANCE = 1.0
"""Largest difference allowed between a device's result and the CPU's, in 8-bit steps."""

WITH_WINDOWS = ("opencv-python", "opencv-contrib-python")
"""OpenCV's wheels with window code; on Linux they bring a Qt of their own."""
PYSIDE = ("PySide6", "PySide6-Essentials")

EXTRAS = ("pillow-heif", "pillow-jxl-plugin", "rawpy", "PySide6-Essentials")
"""Packages for further formats and for the window."""

_AVOID = "update its driver and onnxruntime; until then use --device cpu"
_NEEDS = "install what it needs (https://onnxruntime.ai/docs/execution-providers), or use --device cpu"


@dataclass(frozen=True)
class Problem:
    """A problem in one line, and a hint in another."""

    message: str
    hint: str
    broken: bool = True
    """Whether it affects cleaning."""


@dataclass(frozen=True)
class Wheels:
    """Packages that provide the same module, of which only one may be installed."""

    library: str
    module: str
    ours: str
    """The one that denoise-ae requires."""
    better: tuple[str, ...] = ()
    """Those installed for a device, which are kept instead of ours."""
    worse: tuple[str, ...] = ()
    """Those that ours replaces."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order of preference."""
        return *self.better, self.ours, *self.worse


ONNXRUNTIME = Wheels(
    "onnxruntime",
    "onnxruntime",
    "onnxruntime",
    better=("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"),
)
REQUIRED = (
    Wheels("numpy", "numpy", "numpy"),
    Wheels(
        "OpenCV",
        "cv2",
        "opencv-python-headless",
        worse=("opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python"),
    ),
    ONNXRUNTIME,
    Wheels("Pillow", "PIL", "pillow"),
    Wheels("simplejpeg", "simplejpeg", "simplejpeg"),
)


@dataclass(frozen=True)
class Library:
    """A library that cleaning needs."""

    name: str
    version: str | None
    """As the module itself says; None if it can't be loaded."""
    wheels: dict[str, str]
    """Installed packages that provide it -> their versions."""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Model:
    """An installed model, checked against its checksum."""

    name: str
    origin: catalog.Origin
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Device:
    """A device that this onnxruntime supports, and how the default model ran on it."""

    name: str
    state: Literal["ok", "faulty", "unusable"]
    """Faulty: its result differs from the CPU's, or it fails. Unusable: it does not start."""
    difference: float | None = None
    """Largest difference from the CPU's result in 8-bit steps; None without a result, 0 for the CPU itself."""
    megapixels_a_second: float | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Report:
    """The findings."""

    denoise_ae: str
    python: str
    executable: str
    platform: str
    libraries: list[Library]
    extras: dict[str, str]
    """Installed packages of `EXTRAS` -> their versions."""
    torch: str | None
    """Version of PyTorch, which only training needs; None if it is not installed."""
    cpus: CpuLimits
    models_folder: Path
    """The user's own models; it need not exist."""
    models: list[Model]
    devices: list[Device]
    """Empty if a library can't be loaded or the default model is damaged."""

    @property
    def problems(self) -> list[Problem]:
        """All problems, in the order in which to fix them."""
        found: list[Library | Model | Device] = [*self.libraries, *self.models, *self.devices]
        return [problem for each in found for problem in each.problems]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not any(problem.broken for problem in self.problems)


def examine() -> Report:
    """Examine everything; devices are tested only if the libraries and the default model are sound."""
    libraries, models = [check_library(wheels) for wheels in REQUIRED], check_models()
    loadable = all(library.version is not None for library in libraries)
    testable = any(model.name == catalog.DEFAULT_MODEL and not model.problems for model in models)
    return Report(
        denoise_ae=__version__,
        python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(),
        libraries=libraries,
        extras=_installed(EXTRAS),
        torch=_installed(["torch"]).get("torch"),
        cpus=cpu_limits(),
        models_folder=catalog.user_folder(),
        models=models,
        devices=check_devices() if loadable and testable else [],
    )


def check_library(wheels: Wheels) -> Library:
    """Load a library, and look for packages that must not be installed together."""
    installed = _installed(wheels.names)
    reinstall = _reinstall(wheels)
    loaded: str | None = None
    problems = []
    try:
        loaded = str(import_module(wheels.module).__version__)
    except Exception as error:  # whatever a broken installation raises
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        problems.append(Problem(f"{wheels.library} can't be loaded: {reason}", reinstall))
    if len(installed) > 1:
        packages = " and ".join(f"{name} {number}" for name, number in installed.items())
        problems.append(Problem(f"{packages} are installed at once: they overwrite each other's files", reinstall))
    windowed = [name for name in WITH_WINDOWS if name in installed]
    if windowed and _installed(PYSIDE) and sys.platform == "linux":
        message = f"{windowed[0]} makes Qt look for its own plugins, so that windows of PySide6 do not open"
        problems.append(Problem(message, reinstall, broken=False))
    return Library(wheels.library, loaded, installed, tuple(problems))


def check_models() -> list[Model]:
    """Read all installed models and their cards, and check them against their checksums."""
    try:
        names = catalog.names()
    except ModelError as error:
        return [Model(catalog.DEFAULT_MODEL, "shipped", (Problem(error.message, error.hint),))]
    return [_check_model(name, origin) for name, origin in names]


def check_devices() -> list[Device]:
    """Clean one noisy picture with the default model on every device, and compare the results with the CPU's."""
    from denoise_ae.modelfiles.runtime import available_devices

    picture = _test_picture()
    cpu, reference = _try_device("cpu", picture, None)
    others = [name for name in available_devices() if name != "cpu"]
    # Without the CPU's result there is no reference.
    return [cpu, *(_try_device(name, picture, reference)[0] for name in others if reference is not None)]


def _installed(names: Sequence[str]) -> dict[str, str]:
    """Return the installed ones of some packages, with their versions."""
    found = {}
    for name in names:
        try:
            number = version(name)
        except PackageNotFoundError:
            continue
        if number:  # leftovers of an interrupted installation have none
            found[name] = number
    return found


def _reinstall(wheels: Wheels) -> str:
    """Return the command that reinstalls a library from one package alone."""
    installed = list(_installed(wheels.names))
    kept = installed[0] if installed and installed[0] in wheels.better else wheels.ours
    pip = f"{subprocess.list2cmdline([sys.executable])} -m pip"
    # Files that one package has overwritten come back only after all are uninstalled.
    return (f"{pip} uninstall -y {' '.join(installed)} && " if installed else "") + f"{pip} install {kept}"


def _check_model(name: str, origin: catalog.Origin) -> Model:
    try:
        catalog.load(name, origin).read()
    except ModelError as error:
        return Model(name, origin, (Problem(error.message, error.hint),))
    return Model(name, origin)


def _test_picture() -> NDArray[np.float32]:
    """Return a colour ramp with white noise, always the same: SIDE x SIDE x 3, 0 to 1."""
    import numpy as np

    ramp = np.linspace(0, 1, SIDE)
    picture = np.stack(np.broadcast_arrays(ramp[:, None], ramp, 0.5), axis=-1)
    noise = np.random.default_rng(0).normal(0, SIGMA / 255, picture.shape)
    return (picture + noise).clip(0, 1).astype(np.float32)


def _try_device(
    name: str, picture: NDArray[np.float32], reference: NDArray[np.float32] | None
) -> tuple[Device, NDArray[np.float32] | None]:
    """Clean the picture on a device, twice because the first run is slower.

    Args:
        name: of the device.
        picture: HxWx3.
        reference: the CPU's result; None for the CPU itself.

    Returns:
        The findings about the device, and its result if there is one.
    """
    import numpy as np

    from denoise_ae.restoration.denoiser import Denoiser

    try:
        denoiser = Denoiser(device=name)
        sigma = SIGMA if denoiser.card.takes_sigma else None
        denoiser.clean(picture, sigma)
        begin = time.perf_counter()
        result = denoiser.clean(picture, sigma)
        speed = SIDE * SIDE / 1e6 / (time.perf_counter() - begin)
    except DeviceError as error:
        return Device(name, "unusable", problems=(Problem(error.message, _NEEDS),)), None
    except ModelError as error:
        hint = _reinstall(ONNXRUNTIME) if reference is None else _AVOID
        return Device(name, "faulty", problems=(Problem(f"device {name} fails: {error.message}", hint),)), None
    difference = 0.0 if reference is None else float(np.abs(result - reference).max() * 255)
    if difference <= TOLERANCE:
        return Device(name, "ok", difference, speed), result
    message = f"device {name} is inaccurate: its result differs from the CPU's by up to {difference:.1f} of 255"
    return Device(name, "faulty", difference, speed, (Problem(message, _AVOID),)), result
