"""Jobs, and the events that tell how they go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from denoise_ae.errors import DenoiseError, UsageError
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS
from denoise_ae.system.files import DEFAULT_MAX_BYTES, folder_written, sweep_temporaries

LITTLE_NOISE = 1.5
"""Estimated noise, in 8-bit steps, under which a picture counts as clean already. Rounding to 8 bits alone is 0.3."""

LITTLE_SHARE = 0.001
"""Share of noticeably changed pixels from which a picture did not count as clean, whatever the level."""

LITTLE_CHANGE = 1.6
"""What a model takes from a picture, as a root mean square in 8-bit steps, under which the picture counts as clean
already, too: fine texture may be taken for more noise than there is, and cost a little more than 1."""


class Existing(StrEnum):
    """What to do where an output exists already."""

    REFUSE = "refuse"
    SKIP = "skip"
    """Pass over it if it is a whole picture, as all results are; what is none is somebody else's, and stays."""
    RENEW = "renew"
    """Pass over it if it is a whole picture; replace it if it is not."""
    REPLACE = "replace"
    IN_PLACE = "in-place"
    """It is the input itself, which its result replaces."""


@dataclass(frozen=True)
class Job:
    """One picture to clean."""

    source: Path | None
    """None: standard input."""
    output: Path | None
    """None: standard output."""
    file_format: str | None = None
    """Format to write, as `denoise_ae.imagefiles.formats.format_for` names it; None: the source's own."""
    existing: Existing = Existing.REFUSE
    title: str | None = None
    """What messages call a source that is no file; None: its path, or standard input."""

    @property
    def name(self) -> str:
        """The source in messages."""
        return self.title or ("standard input" if self.source is None else str(self.source))

    @property
    def output_name(self) -> str:
        """The output in messages."""
        return "standard output" if self.output is None else str(self.output)


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How results are written."""

    quality: int | None = None
    """Quality of lossy formats, 1 to 100; None: near the source's own."""
    keep_metadata: bool = True
    keep_time: bool = False
    """Whether a result gets its source's modification time."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    """Pictures with more pixels are refused before memory is taken."""
    max_bytes: int = DEFAULT_MAX_BYTES
    """Longer files are refused before they are read."""
    accept_damaged: bool = False
    """Whether damaged pictures are decoded as far as they can be, with a warning."""

    def __post_init__(self) -> None:
        """Check the quality.

        Raises:
            UsageError: it is out of range.
        """
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"a quality of {self.quality} is out of range", "give 1 to 100")


def sweep(jobs: Iterable[Job]) -> None:
    """Remove the temporary files that killed runs left in the folders that results go to."""
    for folder in {folder_written(job.output) for job in jobs if job.output}:
        sweep_temporaries(folder)


@dataclass(frozen=True)
class Planned:
    """A picture would be cleaned; see `denoise_ae.batch.pipeline.dry_run`."""

    job: Job
    megapixels: float | None
    """As its header says; None for standard input, which is not read."""
    replaces: bool
    """Whether the result would replace a file."""


@dataclass(frozen=True)
class Started:
    """A picture is decoded, and its cleaning starts."""

    job: Job
    megapixels: float


@dataclass(frozen=True)
class Progress:
    """Some of a picture's tiles are clean."""

    job: Job
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Written:
    """A picture's result is written."""

    job: Job
    megapixels: float
    seconds: float = 0.0
    """Spent on the pixels; reading and writing ran beside it."""
    warnings: tuple[str, ...] = ()
    """What could not be kept, a line each."""

    @property
    def output(self) -> Path:
        """Where the result lies.

        Raises:
            ValueError: it went to standard output.
        """
        if self.job.output is None:
            raise ValueError("the result went to standard output")
        return self.job.output


@dataclass(frozen=True, kw_only=True)
class Cleaned(Written):
    """A picture was cleaned."""

    sigma: float
    """Noise in 8-bit steps: as given, or as estimated; the mean of several frames."""
    estimated: bool
    change: float | None
    """Root mean square of what the model would take at full strength, in 8-bit steps, the mean of several frames; None
    at strength 0."""

    applied_rms: float = 0.0
    """Root mean square of what was changed in fact, in 8-bit steps; the mean of several frames."""
    changed_share: float = 0.0
    """Share of the pixels, 0 to 1, that changed by more than 8 steps of 255; the mean of several frames."""
    spared_share: float = 0.0
    """Share of the pixels, 0 to 1, that would have changed so, had they not looked drawn; the mean of several
    frames."""
    hot_pixels: int = 0
    """Hot and dead pixels that were filled, those of each colour counted."""

    @property
    def little_noise(self) -> bool:
        """Whether there was hardly anything to clean: little was found, and little was changed."""
        if self.change is None:
            return self.estimated and self.sigma < LITTLE_NOISE
        return self.estimated and self.change < LITTLE_CHANGE and self.changed_share < LITTLE_SHARE


@dataclass(frozen=True, kw_only=True)
class Repaired(Written):
    """Pixels of a picture were filled."""

    share: float
    """Of the pixels that were filled, 0 to 1; the mean of several frames."""
    spots: int | None
    """Defects that were found; None where a mask told what to fill."""


@dataclass(frozen=True)
class Skipped:
    """Nothing had to be done for a picture."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Failed:
    """A picture could not be cleaned, or a folder not be read. The error's message names the file."""

    job: Job
    error: DenoiseError


Outcome = Planned | Written | Skipped | Failed
"""The one event that ends a job."""

Event = Started | Progress | Outcome
