"""denoise-ae: cleans noisy pictures with convolutional denoising autoencoders, offline, on an ordinary computer.

The public names are loaded when they are first used, so that ``import denoise_ae`` stays cheap:

>>> from denoise_ae import Denoiser, clean_file     # doctest: +SKIP
>>> clean_file("noisy.png", "clean.png")            # doctest: +SKIP
>>> Denoiser("photo").clean(array)                  # doctest: +SKIP
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoise_ae.batch.clean_file import clean_file as clean_file
    from denoise_ae.batch.jobs import Cleaned as Cleaned
    from denoise_ae.batch.jobs import Existing as Existing
    from denoise_ae.batch.jobs import Failed as Failed
    from denoise_ae.batch.jobs import Job as Job
    from denoise_ae.batch.jobs import Planned as Planned
    from denoise_ae.batch.jobs import Progress as Progress
    from denoise_ae.batch.jobs import Repaired as Repaired
    from denoise_ae.batch.jobs import Skipped as Skipped
    from denoise_ae.batch.jobs import Started as Started
    from denoise_ae.batch.planning import Plan as Plan
    from denoise_ae.batch.planning import plan as plan
    from denoise_ae.batch.repair_file import repair_file as repair_file
    from denoise_ae.batch.supervisor import Supervisor as Supervisor
    from denoise_ae.batch.tasks import Settings as Settings
    from denoise_ae.batch.tasks import Task as Task
    from denoise_ae.batch.worker import Worker as Worker
    from denoise_ae.codes.archive import load_codes as load_codes
    from denoise_ae.codes.archive import save_codes as save_codes
    from denoise_ae.codes.codec import Codec as Codec
    from denoise_ae.errors import CodesError as CodesError
    from denoise_ae.errors import DenoiseError as DenoiseError
    from denoise_ae.errors import DeviceError as DeviceError
    from denoise_ae.errors import ImageError as ImageError
    from denoise_ae.errors import ModelError as ModelError
    from denoise_ae.errors import OutputError as OutputError
    from denoise_ae.errors import PackageError as PackageError
    from denoise_ae.errors import UsageError as UsageError
    from denoise_ae.imagefiles.images import read_image as read_image
    from denoise_ae.modelfiles.catalog import models as models
    from denoise_ae.restoration.denoiser import Denoiser as Denoiser
    from denoise_ae.restoration.denoiser import clean as clean
    from denoise_ae.restoration.repairer import Repairer as Repairer
    from denoise_ae.restoration.specks import fill_specks as fill_specks
    from denoise_ae.restoration.specks import find_specks as find_specks

# From 1.29 on onnxruntime tells its makers about every model that it loads, unless this is set before it is imported.
# We promise to work offline, on pictures that are nobody else's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

_HOMES = {
    "models": "denoise_ae.modelfiles.catalog",
    "clean_file": "denoise_ae.batch.clean_file",
    "Codec": "denoise_ae.codes.codec",
    "load_codes": "denoise_ae.codes.archive",
    "save_codes": "denoise_ae.codes.archive",
    "Denoiser": "denoise_ae.restoration.denoiser",
    "clean": "denoise_ae.restoration.denoiser",
    "read_image": "denoise_ae.imagefiles.images",
    "Cleaned": "denoise_ae.batch.jobs",
    "Existing": "denoise_ae.batch.jobs",
    "Failed": "denoise_ae.batch.jobs",
    "Job": "denoise_ae.batch.jobs",
    "Planned": "denoise_ae.batch.jobs",
    "Progress": "denoise_ae.batch.jobs",
    "Repaired": "denoise_ae.batch.jobs",
    "Skipped": "denoise_ae.batch.jobs",
    "Started": "denoise_ae.batch.jobs",
    "Plan": "denoise_ae.batch.planning",
    "plan": "denoise_ae.batch.planning",
    "Repairer": "denoise_ae.restoration.repairer",
    "fill_specks": "denoise_ae.restoration.specks",
    "find_specks": "denoise_ae.restoration.specks",
    "repair_file": "denoise_ae.batch.repair_file",
    "Supervisor": "denoise_ae.batch.supervisor",
    "Settings": "denoise_ae.batch.tasks",
    "Task": "denoise_ae.batch.tasks",
    "Worker": "denoise_ae.batch.worker",
    "CodesError": "denoise_ae.errors",
    "DenoiseError": "denoise_ae.errors",
    "DeviceError": "denoise_ae.errors",
    "ImageError": "denoise_ae.errors",
    "ModelError": "denoise_ae.errors",
    "OutputError": "denoise_ae.errors",
    "PackageError": "denoise_ae.errors",
    "UsageError": "denoise_ae.errors",
}
"""Public name -> the module that it is loaded from."""

__all__ = [
    "Cleaned",
    "Codec",
    "CodesError",
    "DenoiseError",
    "Denoiser",
    "DeviceError",
    "Existing",
    "Failed",
    "ImageError",
    "Job",
    "ModelError",
    "OutputError",
    "PackageError",
    "Plan",
    "Planned",
    "Progress",
    "Repaired",
    "Repairer",
    "Settings",
    "Skipped",
    "Started",
    "Supervisor",
    "Task",
    "UsageError",
    "Worker",
    "__version__",
    "clean",
    "clean_file",
    "fill_specks",
    "find_specks",
    "load_codes",
    "models",
    "plan",
    "read_image",
    "repair_file",
    "save_codes",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562 hook, the type depends on the name
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted([*globals(), *_HOMES])
