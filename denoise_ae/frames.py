"""What a file holds one or many of: a picture, what it says of itself, and how long an animation shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from denoise_ae.metadata import Metadata


@dataclass
class Frame:
    """A page, or a frame of an animation.

    Attributes:
        pixels: HxW, HxWx2, HxWx3 or HxWx4; frames of an animation are all of one kind and size.
        metadata: EXIF, ICC, XMP and resolution: a page has its own, the first frame has the animation's.
        duration: seconds; None in what is no animation, and in the still picture that an animated PNG shows where
            animations are not known.
    """

    pixels: NDArray[Any]
    metadata: Metadata = field(default_factory=Metadata)
    duration: Fraction | None = None
