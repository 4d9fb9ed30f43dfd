"""A quick preview of new settings: the visible part is cleaned at reduced size, in a quarter of the time.

It is shown until the pixels themselves are clean, and is part of no result. It is not exact: reducing lowers the noise,
and enlarging softens the result. But it shows at once how strong the settings are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from denoise_ae.desktop.picture.canvas import Window
from denoise_ae.desktop.picture.document import Version, channels_of
from denoise_ae.desktop.picture.pyramid import double
from denoise_ae.modelfiles.runtime import Interrupt
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.cleaning import Strength
from denoise_ae.restoration.denoiser import Denoiser

LEAST, MOST = 250_000, 5_000_000
"""Pixels of a part that is worth it: a smaller one is clean soon enough, a larger one would itself take long."""

_ROOM = 200_000
"""Most pixels to give to the network after one reduction; above that there are two."""


def preview(
    base: Version,
    denoiser: Denoiser,
    window: Window,
    sigma: float | None,
    strength: Strength,
    *,
    interrupt: Interrupt | None = None,
) -> NDArray[np.float32] | None:
    """Return an approximate residual of a part of a picture.

    Args:
        base: the picture.
        denoiser: cleans it.
        window: rows and columns of the part; they start at multiples of 4.
        sigma: the noise in 8-bit steps; None: the model estimates it.
        strength: of luminance and colour, 1 or more.
        interrupt: ends the work when it is set.

    Returns:
        Clean minus noisy as they are shown, on the scale of 0 to 1, height x width x channels; None if no preview is
        possible, since the model takes one size only or the picture is too small.

    Raises:
        Interrupted: `interrupt` was set.
        ModelError: see `Denoiser.residual`.
    """
    height, width = (part.stop - part.start for part in window)
    level = 1 if height * width <= 4 * _ROOM else 2
    if denoiser.card.fixed_size is not None or len(base.shown) <= level:
        return None
    scale = 2**level
    rows, columns = (slice(part.start // scale, -(-part.stop // scale)) for part in window)
    small = base.shown[level][rows, columns]
    everything = slice(0, small.shape[0]), slice(0, small.shape[1])
    # The mean of 4 pixels has half the noise, if it is white.
    reduced_sigma = None if sigma is None else sigma / scale
    pixels = small[..., 0] if small.shape[2] == 1 else small
    residual = denoiser.residual(
        MaskedImage(pixels, join_gray=True),
        everything,
        reduced_sigma,
        luma=strength.luma,
        chroma=strength.chroma,
        interrupt=interrupt,
    )
    channels = channels_of(base.pixels)
    clean: NDArray[np.float32] = small[..., :channels].astype(np.float32)
    clean /= 255
    clean += residual.pixels
    for _ in range(level):
        clean = double(clean)
    taken = clean[:height, :width]
    taken -= base.shown[0][window][..., :channels] / np.float32(255)
    return taken
