"""Well-known denoisers to compare models with. All but OpenCV's need packages of the extra ``[bench]``.

Each denoiser's strength is a fixed multiple of the noise level. The multiples, and the wavelet, were chosen by
``train/bench/tune_baselines.py`` for the best mean PSNR at sigma 15, 25 and 50 over seven pictures of scikit-image that
are in none of the test sets. Gray and colour pictures agree on them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import PackageError, UsageError
from denoise_ae.noise.estimate import estimate_sigma
from denoise_ae.pixels import filters
from denoise_ae.pixels.convert import from_unit, to_unit

ALL = "all"
NONE = "none"

INSTALL_HINT = "install it with: pip install 'denoise-ae[bench]'"

_LEAST_SIDE = 16
"""Smaller pictures are padded to this side by mirroring: BM3D's blocks would be larger than the picture."""

Floats = NDArray[np.float32]


def non_local_means(noisy: Floats, sigma: float, factor: float = 0.9) -> Floats:
    """Clean with OpenCV's non-local means, which takes 8 bits: the picture is clipped and rounded first.

    Args:
        noisy: HxW or HxWx3, about 0 to 1.
        sigma: standard deviation of the noise, in 8-bit steps.
        factor: the strength h is this times sigma.
    """
    return to_unit(filters.non_local_means(from_unit(noisy, np.uint8), factor * sigma))


def wavelet(noisy: Floats, sigma: float, family: str = "db2") -> Floats:
    """Shrink wavelet coefficients as BayesShrink does (Chang, Yu and Vetterli 2000), colour as YCbCr; by scikit-image.

    Args:
        noisy: HxW or HxWx3, about 0 to 1.
        sigma: standard deviation of the noise, in 8-bit steps.
        family: the wavelet, as PyWavelets names it.
    """
    from skimage.restoration import denoise_wavelet

    colour = {"convert2ycbcr": True, "channel_axis": -1} if noisy.ndim == 3 else {}
    return np.asarray(denoise_wavelet(noisy, sigma / 255, family, method="BayesShrink", **colour), np.float32)


def total_variation(noisy: Floats, sigma: float, factor: float = 0.8) -> Floats:
    """Minimise the total variation of each channel (Rudin, Osher and Fatemi 1992; Chambolle 2004); by scikit-image.

    Args:
        noisy: HxW or HxWx3, about 0 to 1.
        sigma: standard deviation of the noise, in 8-bit steps.
        factor: the weight of the variation is this times sigma on the scale of the picture.
    """
    from skimage.restoration import denoise_tv_chambolle

    axis = -1 if noisy.ndim == 3 else None
    restored = denoise_tv_chambolle(noisy, factor * sigma / 255, channel_axis=axis)  # type: ignore[no-untyped-call]
    return np.asarray(restored, np.float32)


def bm3d(noisy: Floats, sigma: float) -> Floats:
    """Clean with BM3D (Dabov et al. 2007), colour with CBM3D in opponent colours; by its authors' package.

    Args:
        noisy: HxW or HxWx3, about 0 to 1; at least 9 pixels on a side, or the package crashes the process.
        sigma: standard deviation of the noise, in 8-bit steps.
    """
    from bm3d import bm3d as clean_gray
    from bm3d import bm3d_rgb as clean_colour

    if noisy.ndim == 3 and (noisy == noisy[..., :1]).all():  # CBM3D would divide by the range of the missing colour
        return np.dstack([bm3d(noisy[..., 0], sigma)] * 3)
    return np.asarray((clean_gray if noisy.ndim == 2 else clean_colour)(noisy, sigma / 255), np.float32)


@dataclass(frozen=True)
class Baseline:
    """A well-known denoiser, with the signature of `denoise_ae.measure.benchmark.Restore`."""

    name: str
    """On the command line."""
    title: str
    """In tables and charts."""
    modules: tuple[str, ...]
    """Modules that it needs besides this package's own requirements."""
    restore: Callable[[Floats, float], Floats]
    """(noisy HxW or HxWx3, about 0 to 1; noise level in 8-bit steps, above 0) -> the same shape."""

    def __call__(self, noisy: Floats, sigma: float | None) -> Floats:
        """Clean a picture HxW or HxWx3, about 0 to 1, with a noise level in 8-bit steps; None estimates it."""
        level = estimate_sigma(noisy) * 255 if sigma is None else sigma
        if level <= 0:
            return noisy
        height, width = noisy.shape[:2]
        margins = [(0, max(0, _LEAST_SIDE - length)) for length in (height, width)]
        padded = np.pad(noisy, [*margins, (0, 0)][: noisy.ndim], "symmetric")
        return self.restore(padded, level)[:height, :width]

    def absence(self) -> str | None:
        """Return why it can't run here; None if it can."""
        for module in self.modules:
            try:
                import_module(module)
            except (ImportError, OSError) as error:  # OSError: the package's binaries are for another system
                return f"{module} can't be imported: {error}"
        return None


BASELINES: dict[str, Baseline] = {
    each.name: each
    for each in (
        Baseline("nlm", "non-local means", (), non_local_means),
        Baseline("wavelet", "wavelet", ("skimage.restoration", "pywt"), wavelet),
        Baseline("tv", "total variation", ("skimage.restoration",), total_variation),
        Baseline("bm3d", "BM3D", ("bm3d",), bm3d),
    )
}
"""Name -> baseline, starting with the one that needs no further package."""


def choose(names: Collection[str]) -> tuple[list[Baseline], dict[str, str]]:
    """Find the baselines that a user names.

    Args:
        names: keys of `BASELINES`, `ALL` for all that can run here, or `NONE`.

    Returns:
        The baselines, and those of `ALL` that can't run here: title -> why, and what to do about it.

    Raises:
        UsageError: a name is unknown, or `NONE` is not alone.
        PackageError: a baseline given by name can't run here.
    """
    for name in names:
        if name not in (*BASELINES, ALL, NONE):
            raise UsageError(f"--baseline {name} is unknown", f"choose from {', '.join((*BASELINES, ALL, NONE))}")
    if NONE in names and set(names) != {NONE}:
        raise UsageError("--baseline none contradicts the others", "leave it out")
    found: list[Baseline] = []
    absent: dict[str, str] = {}
    for name, baseline in BASELINES.items():
        if name not in names and ALL not in names:
            continue
        reason = baseline.absence()
        if reason is None:
            found.append(baseline)
        elif name in names:
            raise PackageError(f"--baseline {name}: {reason}", INSTALL_HINT)
        else:
            absent[baseline.title] = f"{reason}; {INSTALL_HINT}"
    return found, absent
