"""Settings of a picture, as chosen in the window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from denoise_ae.modelfiles.catalog import DEFAULT_MODEL


@dataclass(frozen=True)
class PictureSettings:
    """Model, noise level and strength."""

    model: str = DEFAULT_MODEL
    sigma: float | None = None
    """Standard deviation of the noise in 8-bit steps; None: estimated."""
    strength: float = 1.0
    """0 (unchanged) to 1.5."""

    @property
    def base(self) -> PictureSettings:
        """The settings to run the network with: strengths up to 1 are shares of one residual."""
        return replace(self, strength=max(1.0, self.strength))

    @property
    def mix(self) -> float:
        """Share of the residual of `base` to apply, 0 to 1."""
        return min(1.0, self.strength)
