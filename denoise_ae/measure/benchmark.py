"""Measure denoisers on folders of pictures: clean ones with added noise, or pairs of real noisy and clean ones.

As in the literature, added noise is Gaussian, in floating point, neither clipped nor rounded; results are clipped to
[0, 1] before they are measured; a set's PSNR is the mean of its pictures' PSNR.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.finding import pictures_in
from denoise_ae.measure.baselines import Baseline
from denoise_ae.measure.metrics import psnr, ssim
from denoise_ae.noise.corruptions import NumpySource, corrupt
from denoise_ae.pixels.convert import split_alpha, to_unit, upright
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.system.paths import is_folder

NOISY = "noisy"
"""Name of the rows that measure the noisy pictures themselves (unclipped if the noise was added here)."""
PAIR_FOLDERS = ("noisy", "clean")
PAIR_ENDINGS = (("_real", "_mean"), ("_noisy", "_clean"))
"""Endings of the stems of a noisy picture and its clean partner."""

Restore = Callable[[NDArray[np.float32], float | None], NDArray[np.float32]]
"""A denoiser: (noisy HxW or HxWx3, about 0 to 1; noise level in 8-bit steps, None to estimate it) -> the same shape."""


@dataclass(frozen=True)
class Case:
    """A clean picture and, for real noise, the noisy one."""

    name: str
    clean: Path
    noisy: Path | None = None


@dataclass(frozen=True)
class Measurement:
    """One picture with one level of noise, cleaned by one method."""

    picture: str
    method: str
    sigma: float | None
    """Level of the added noise in 8-bit steps; None for real noise."""
    psnr: float
    ssim: float
    megapixels: float
    seconds: float | None
    """Time the method took; None for the noisy picture itself."""


@dataclass(frozen=True)
class Summary:
    """One method at one level of noise, over all pictures: means, and overall megapixels per second."""

    method: str
    sigma: float | None
    pictures: int
    psnr: float
    ssim: float
    megapixels_a_second: float | None


def _pictures(folder: Path) -> list[Path]:
    """List the pictures directly in a folder, in natural order.

    Raises:
        ImageError: there is no such folder, it can't be read, or there is no picture in it.
    """
    if not is_folder(folder):
        raise ImageError(f"{folder}: there is no such folder")
    found, errors = pictures_in(folder, recursive=False)
    for error in errors:
        raise error
    if not found:
        raise ImageError(f"{folder}: no pictures", "name the folder that holds them: subfolders are not searched")
    return found


def clean_cases(folder: Path) -> list[Case]:
    """Take each picture directly in a folder as a clean one, in natural order.

    Raises:
        ImageError: the folder can't be listed or has no pictures.
    """
    return [Case(path.name, path) for path in _pictures(folder)]


def _by_key(paths: Sequence[Path], side: int) -> dict[str, Path]:
    """Index pictures by their stem without the ending of their side (0 noisy, 1 clean), if they have one."""
    keyed: dict[str, Path] = {}
    for path in paths:
        key = path.stem.lower()
        for ending in PAIR_ENDINGS:
            key = key.removesuffix(ending[side])
        if key in keyed:
            raise ImageError(f"{keyed[key]} and {path} would both be one half of a pair", "keep one of them")
        keyed[key] = path
    return keyed


def _sides(folder: Path, clean_folder: Path | None) -> tuple[list[Path], list[Path]]:
    """List noisy and clean pictures, told apart by folder or by ending."""
    if clean_folder is None and all(is_folder(folder / name) for name in PAIR_FOLDERS):
        folder, clean_folder = (folder / name for name in PAIR_FOLDERS)
    if clean_folder is not None:
        return _pictures(folder), _pictures(clean_folder)
    found = _pictures(folder)
    noisy, clean = (
        [p for p in found if p.stem.lower().endswith(endings)] for endings in zip(*PAIR_ENDINGS, strict=True)
    )
    if not noisy:
        raise ImageError(
            f"{folder}: no noisy and clean pairs",
            "name them A_noisy and A_clean (or _real and _mean), make folders noisy and clean, or give two folders",
        )
    return noisy, clean


def pair_cases(folder: Path, clean_folder: Path | None = None) -> list[Case]:
    """Pair real noisy pictures with clean ones by their stems.

    Args:
        folder: the noisy pictures; or, without `clean_folder`, both kinds: in folders ``noisy`` and ``clean``, or with
            the endings of `PAIR_ENDINGS`.
        clean_folder: the clean pictures.

    Raises:
        ImageError: a folder can't be listed or has no pictures, or a picture has no partner or two.
    """
    noisy, clean = (_by_key(paths, side) for side, paths in enumerate(_sides(folder, clean_folder)))
    alone = sorted([noisy.get(key) or clean[key] for key in noisy.keys() ^ clean.keys()])
    if alone:
        raise ImageError(f"{alone[0]}: no partner", "the two pictures of a pair must have the same name")
    return [Case(noisy[key].name, clean[key], noisy[key]) for key in noisy]


def methods(
    models: Mapping[str, Denoiser], baselines: Sequence[Baseline] = (), *, adapt: bool = False
) -> dict[str, Restore]:
    """Return the methods to measure by name: each baseline by its title, then each model.

    With `adapt`, models that estimate the noise level fit their estimate to each picture, see `Denoiser.fit_factor`.
    """

    def restore_with(model: Denoiser) -> Restore:
        if adapt and model.card.estimates_sigma:
            return lambda noisy, _: model.clean(noisy, adapt=True)
        # A model that takes no level refuses one.
        return lambda noisy, sigma: model.clean(noisy, sigma if model.card.takes_sigma else None)

    known: dict[str, Restore] = {baseline.title: baseline for baseline in baselines}
    return known | {name: restore_with(model) for name, model in models.items()}


def _load(path: Path) -> NDArray[np.float32]:
    picture = images.read_image(path)
    colour, _ = split_alpha(upright(picture.pixels, picture.metadata.orientation))
    return to_unit(colour)


def _load_pair(clean: Path, noisy: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Load a clean picture and its noisy partner, which must agree in size and channels."""
    pair = _load(clean), _load(noisy)
    if pair[0].shape != pair[1].shape:
        sizes = [" x ".join(map(str, pixels.shape)) for pixels in pair]
        raise ImageError(
            f"{clean} is {sizes[0]} but {noisy} is {sizes[1]}", "a pair must agree in height, width and channels"
        )
    return pair


@dataclass(frozen=True)
class _Scene:
    """A clean picture and one noisy version of it, both HxW or HxWx3, about 0 to 1."""

    picture: str
    sigma: float | None
    clean: NDArray[np.float32]
    noisy: NDArray[np.float32]

    def score(self, method: str, restored: NDArray[np.float32], seconds: float | None) -> Measurement:
        """Measure a method's result for the noisy version."""
        megapixels = self.clean.shape[0] * self.clean.shape[1] / 1e6
        figures = psnr(restored, self.clean), ssim(restored, self.clean)
        return Measurement(self.picture, method, self.sigma, *figures, megapixels, seconds)


def _scenes(cases: Sequence[Case], sigmas: Sequence[float], seed: int) -> Iterator[_Scene]:
    """Yield each picture with its real noise, or with the same random pattern at each level."""
    for index, case in enumerate(cases):
        if case.noisy:
            yield _Scene(case.name, None, *_load_pair(case.clean, case.noisy))
            continue
        clean = _load(case.clean)
        for sigma in sigmas:
            source = NumpySource(np.random.default_rng([seed, index]))
            yield _Scene(case.name, sigma, clean, corrupt(clean, "gaussian", sigma, source))


def measure(
    cases: Sequence[Case],
    methods: Mapping[str, Restore],
    sigmas: Sequence[float] = (),
    *,
    known_level: bool = True,
    seed: int = 0,
) -> Iterator[Measurement]:
    """Clean every picture with every method, and yield each result as it comes.

    A picture's noise depends only on the seed and on the picture's place in the list. Each method runs once untimed
    before its first measurement; after that, only the method itself is timed.

    Args:
        cases: the pictures.
        methods: name -> denoiser; the noisy pictures are measured too, as `NOISY`.
        sigmas: standard deviations of the Gaussian noise to add, in 8-bit steps; not used for pairs.
        known_level: whether the methods are given the noise level; otherwise, and for pairs, they estimate it.
        seed: of the noise, 0 or more.

    Raises:
        DenoiseError: a picture can't be read, a pair does not match, or a method refuses a picture.
    """
    warm: set[str] = set()
    for scene in _scenes(cases, sigmas, seed):
        yield scene.score(NOISY, scene.noisy, None)
        level = scene.sigma if known_level else None
        for name, restore in methods.items():
            if name not in warm:
                restore(scene.noisy, level)
                warm.add(name)
            begin = time.perf_counter()
            restored = restore(scene.noisy, level)
            seconds = time.perf_counter() - begin
            yield scene.score(name, restored.clip(0, 1), seconds)


def _summary(group: Sequence[Measurement]) -> Summary:
    seconds = sum(each.seconds or 0 for each in group)
    return Summary(
        method=group[0].method,
        sigma=group[0].sigma,
        pictures=len(group),
        psnr=fmean(each.psnr for each in group),
        ssim=fmean(each.ssim for each in group),
        megapixels_a_second=sum(each.megapixels for each in group) / seconds if seconds else None,
    )


def summarise(measurements: Sequence[Measurement]) -> list[Summary]:
    """Average over the pictures: a summary for each level and method, in the order in which they came."""
    groups: dict[tuple[float | None, str], list[Measurement]] = {}
    for each in measurements:
        groups.setdefault((each.sigma, each.method), []).append(each)
    # Measured picture by picture, but read level by level.
    sigmas = list(dict.fromkeys(each.sigma for each in measurements))
    return sorted(map(_summary, groups.values()), key=lambda summary: sigmas.index(summary.sigma))
