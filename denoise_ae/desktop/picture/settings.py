"""How a picture is to be cleaned, as far as a person chooses it in the window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from denoise_ae.modelfiles.catalog import DEFAULT_MODEL


@dataclass(frozen=True)
class Look:
    """One choice of model, noise level and strength."""

    model: str = DEFAULT_MODEL
    sigma: float | None = None
    """Standard deviation of the noise in 8-bit steps; None: estimated."""
    strength: float = 1.0
    """0 (leave it) to 1.5."""

    @property
    def base(self) -> Look:
        """What the network has to compute: strengths up to 1 are shares of one residual, and need no run of it."""
        return replace(self, strength=max(1.0, self.strength))

    @property
    def mix(self) -> float:
        """How much of the residual of `base` is taken, 0 to 1."""
        return min(1.0, self.strength)
