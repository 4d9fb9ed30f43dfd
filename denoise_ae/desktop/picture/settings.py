"""Settings of a picture, as chosen in the window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from denoise_ae.modelfiles.catalog import DEFAULT_MODEL
from denoise_ae.restoration.cleaning import Strength


@dataclass(frozen=True)
class PictureSettings:
    """Model, noise level, strengths, and whether hot pixels are filled."""

    model: str = DEFAULT_MODEL
    sigma: float | None = None
    """Standard deviation of the noise in 8-bit steps; None: estimated."""
    strength: float = 1.0
    """0 (unchanged) to 1.5."""
    luma: float | None = None
    """Strength for the luminance alone; None: `strength`."""
    chroma: float | None = None
    """Strength for the colour alone; None: `strength`."""
    defects: bool = True
    """Whether hot and dead pixels are filled; see `denoise_ae.restoration.hot_pixels`."""

    @property
    def strengths(self) -> Strength:
        """For luminance and colour."""
        luma, chroma = (self.strength if own is None else own for own in (self.luma, self.chroma))
        return Strength(luma, chroma)

    @property
    def apart(self) -> bool:
        """Whether luminance and colour have strengths of their own."""
        return self.luma is not None or self.chroma is not None

    @property
    def base(self) -> PictureSettings:
        """The settings to run the network with: strengths up to 1 are shares of one residual."""
        luma, chroma = self.strengths.luma, self.strengths.chroma
        # Where luminance or colour is to stay as it is, a hot pixel is part of it, as for `Denoiser.restore`.
        defects = self.defects and min(luma, chroma) > 0
        if self._is_share or luma == chroma:
            return replace(self, strength=max(1.0, luma), luma=None, chroma=None, defects=defects)
        return replace(self, strength=1.0, luma=luma, chroma=chroma, defects=defects)

    @property
    def mix(self) -> Strength:
        """Shares of the residual of `base` to apply, 0 to 1."""
        return self.strengths if self._is_share else Strength()

    @property
    def _is_share(self) -> bool:
        # Beyond 1, what clipping leaves of luminance and colour is no share of anything.
        return max(self.strengths.luma, self.strengths.chroma) <= 1
