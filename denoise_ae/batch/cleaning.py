"""Clean the frames of a picture with one noise level each, given or estimated."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import fmean, median
from typing import Any

from numpy.typing import NDArray

from denoise_ae.batch.jobs import Cleaned, Job
from denoise_ae.batch.tasks import Settings
from denoise_ae.batch.transforms import Prepared, Report
from denoise_ae.imagefiles.picture import Header, Picture
from denoise_ae.restoration.denoiser import Denoiser, check_strength

TOLD_SPARED = 0.001
"""Share of the pixels from which it is told that they were left alone."""


class Cleaning:
    """Cleans pictures; see `denoise_ae.batch.transforms.Transform`.

    Args:
        denoiser: the model; not to be used elsewhere meanwhile.
        settings: how; None: the defaults.
    """

    def __init__(self, denoiser: Denoiser, settings: Settings | None = None) -> None:
        self._denoiser = denoiser
        self.options = settings or Settings()

    def prepare(self, job: Job, picture: Picture) -> Prepared:
        """Estimate the noise, to clean with it or, where the model needs no level, to tell of it."""
        sigma = self.options.sigma
        sigmas = [sigma] * len(picture.frames)
        options = self.options
        strength = check_strength(options.strength, options.luma, options.chroma)
        if sigma is None and not (self._denoiser.card.estimates_sigma and strength):
            sigmas = estimate_levels(picture, self._denoiser)
        return Prepared(partial(self._clean, job, picture, sigmas))

    def _clean(self, job: Job, picture: Picture, sigmas: list[float | None], report: Report) -> Cleaned:
        """Clean the frames; a level of None is left to the model to estimate."""
        estimated = self.options.sigma is None
        found: list[float] = []
        changes: list[float] = []
        applied: list[float] = []
        shares: list[float] = []
        spared: list[float] = []
        hot_pixels = 0
        factor = 1.0
        for number, (frame, sigma) in enumerate(zip(picture.frames, sigmas, strict=True)):
            level = None if estimated and not self._denoiser.card.takes_sigma else sigma
            # An animation keeps that of its first frame, lest it flicker.
            if self.options.adapt and (number == 0 or frame.duration is None):
                factor = self._denoiser.fit_factor(frame.pixels)
            restored = self._denoiser.restore(
                frame.pixels,
                level,
                self.options.strength,
                luma=self.options.luma,
                chroma=self.options.chroma,
                factor=factor,
                defects=self.options.defects,
                progress=partial(report, number),
            )
            frame.pixels = restored.pixels
            level = restored.sigma if sigma is None else sigma
            assert level is not None
            found.append(level)
            if restored.change is not None:
                changes.append(restored.change)
            applied.append(restored.applied)
            shares.append(restored.changed_share)
            spared.append(restored.spared_share)
            hot_pixels += restored.hot_pixels
        return Cleaned(
            job=job,
            megapixels=picture.header.pixels / 1e6,
            sigma=fmean(found),
            estimated=estimated,
            change=fmean(changes) if changes else None,
            applied_rms=fmean(applied),
            changed_share=fmean(shares),
            spared_share=fmean(spared),
            hot_pixels=hot_pixels,
            warnings=tuple(self._doubts(picture.header, fmean(found), fmean(spared))),
        )

    def _doubts(self, header: Header, sigma: float, spared: float) -> Iterator[str]:
        learnt = self._denoiser.card.sigma_range
        if learnt is not None and sigma > learnt[1]:
            yield f"a noise level of {sigma:.0f} is beyond what the model has learned, which ends at {learnt[1]:.0f}"
        if spared >= TOLD_SPARED:
            yield f"{100 * spared:.2g} % of the pixels look drawn and were left alone; --sigma cleans them too"
        elif header.mode == "palette" and self.options.sigma is None:
            yield "few colours: what dithering there is may pass for noise; --strength 0.5 is gentler"


def estimate_levels(picture: Picture, denoiser: Denoiser) -> list[float | None]:
    """Estimate the noise of each frame, in 8-bit steps; those of an animation get one level, lest it flicker."""
    levels = [denoiser.estimate_sigma(_noise_sample(frame.pixels, picture.header)) for frame in picture.frames]
    if picture.frames[-1].duration is not None:
        return [median(levels)] * len(levels)
    return [*levels]


def _noise_sample(pixels: NDArray[Any], header: Header) -> NDArray[Any]:
    """Return the pixels to estimate the noise from: of lossy formats green alone, with alpha where there is one.

    They store colour coarsely. Red, green and blue together then have directions without any noise, however strong it
    is, which an estimate for white noise would go by.
    """
    if header.lossless or pixels.ndim == 2 or pixels.shape[2] == 2:
        return pixels
    return pixels[..., 1] if pixels.shape[2] == 3 else pixels[..., 1::2]
