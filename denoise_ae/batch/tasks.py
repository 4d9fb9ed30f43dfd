"""Messages between a supervisor and its worker process; importing them loads no decoder and no runtime."""

from __future__ import annotations

from dataclasses import dataclass, field

from denoise_ae.batch.jobs import Event, OutputOptions, Written
from denoise_ae.errors import DenoiseError
from denoise_ae.modelfiles.catalog import DEFAULT_MODEL


@dataclass(frozen=True)
class Settings(OutputOptions):
    """How every picture of a batch is cleaned and written."""

    sigma: float | None = None
    """Standard deviation of the noise in 8-bit steps; None: estimated for each picture. See `Denoiser.check_sigma`."""
    strength: float = 1.0
    """0 (leave it) to 1.5."""
    luma: float | None = None
    """Strength for the luminance alone; None: `strength`. See `denoise_ae.pixels.opponent`."""
    chroma: float | None = None
    """Strength for the colour alone; None: `strength`."""
    defects: bool = True
    """Whether hot and dead pixels of photographs are filled; see `denoise_ae.restoration.hot_pixels`."""
    adapt: bool = False
    """Whether the model's own estimates are fitted to each picture; see `Denoiser.fit_factor`."""


@dataclass(frozen=True)
class Task:
    """How pictures are cleaned, and by what; see `Denoiser` and `denoise_ae.batch.pipeline.run`."""

    model: str = DEFAULT_MODEL
    device: str = "auto"
    threads: int | None = None
    tile: int | None = None
    settings: Settings = field(default_factory=Settings)
    concurrency: int = 1
    dry_run: bool = False
    """Only tell what would be done."""


@dataclass(frozen=True)
class Ready:
    """The model is loaded."""

    model: str
    device: str


@dataclass(frozen=True)
class JobRequested:
    """The next job can be read."""


@dataclass(frozen=True)
class ResultAnnounced:
    """A result is about to be written."""

    event: Written
    """What will be told when it is."""


Message = Ready | JobRequested | ResultAnnounced | Event | DenoiseError
"""What a worker tells its supervisor. An error says why there is no model, and is the last thing told."""
