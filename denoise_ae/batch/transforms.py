"""What a batch does to each picture between reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from denoise_ae.batch.jobs import Job, OutputOptions, Written
from denoise_ae.imagefiles.picture import Picture

Report = Callable[[int, int, int], None]
"""Is told of progress: the number of the frame, from 0, how many of its tiles are done, and how many there are."""


@dataclass(frozen=True)
class Prepared:
    """What is left to do with a picture."""

    apply: Callable[[Report], Written]
    """Changes the picture's frames in place, and returns the event that tells of it when it is written."""
    unchanged: bool = False
    """Whether the pixels stay as they are, so that the file itself can be handed on."""


class Transform(Protocol):
    """Cleaning or repairing, with its model loaded. Several threads may use it."""

    @property
    def options(self) -> OutputOptions:
        """How results are written."""

    def prepare(self, job: Job, picture: Picture) -> Prepared:
        """Look at a decoded picture, while another one is worked on.

        Raises:
            DenoiseError: it can't be done.
        """
