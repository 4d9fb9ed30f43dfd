"""denoise-ae: cleans noisy pictures with convolutional denoising autoencoders, offline, on an ordinary computer.

The public names are loaded when they are first used, so that ``import denoise_ae`` stays cheap:

>>> from denoise_ae import Denoiser          # doctest: +SKIP
>>> Denoiser("photo").clean(array)           # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoise_ae.catalog import models as models
    from denoise_ae.denoiser import Denoiser as Denoiser
    from denoise_ae.denoiser import clean as clean
    from denoise_ae.errors import DenoiseError as DenoiseError

__version__ = "0.1.0"
__all__ = ["DenoiseError", "Denoiser", "__version__", "clean", "models"]

_HOMES = {
    "Denoiser": "denoise_ae.denoiser",
    "clean": "denoise_ae.denoiser",
    "models": "denoise_ae.catalog",
    "DenoiseError": "denoise_ae.errors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562 hook, the type depends on the name
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted([*globals(), *_HOMES])
