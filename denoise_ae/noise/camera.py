"""Camera noise: added in linear light on a Bayer mosaic, then processed as a camera does up to the JPEG.

A finished photograph is converted back to what the sensor saw (Brooks et al., "Unprocessing images for learned raw
denoising", CVPR 2019). Noise is added there, and the sensor's picture is developed twice, with the noise and with its
negative. Half the difference is noise shaped by brightness, colour, demosaicing, the colour matrix, the tone curve, the
camera's own smoothing and sharpening, and scaling. It is added to the photograph, which so stays as sharp as it was.
(A single development would also darken the shadows, since gamma is concave. A denoiser should not undo that: its
target, the mean of many real shots, is as dark.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.pixels.convert import to_unit
from denoise_ae.pixels.filters import BAYER_PATTERNS, bilateral, blur, demosaic, jpeg_round_trip, resize

Floats = NDArray[np.float32]

_XYZ_TO_CAMERA = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)
"""Colour matrices of the four cameras used by Brooks et al."""

_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ (IEC 61966-2-1)."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of ITU-R BT.601, as in JPEG."""

_BELOW_BLACK = 0.1
"""Headroom of raw values below black: clipping the noise there would brighten the shadows."""


@dataclass(frozen=True)
class Camera:
    """How a camera takes and develops a picture."""

    shot: float
    """Variance of the shot noise of a white pixel, in linear light: 1 / number of electrons."""
    read: float
    """Variance of the noise of a black pixel."""
    to_camera: NDArray[np.float64]
    """Linear sRGB to the sensor's colours, 3x3; each row sums to 1."""
    gains: Floats
    """White balance and exposure of the development, one factor per channel."""
    tone_curve: bool
    """Whether the development adds contrast (smoothstep) after gamma."""
    pattern: str
    edge_aware: bool
    scale: float
    """Sensor pixels per picture pixel along a side: above 1 the picture was scaled down, below 1 up."""
    cleaning: tuple[float, float]
    """The camera's own noise reduction, a bilateral filter: its reach in pixels, and the contrast on [0, 1] above which
    it keeps edges; contrast 0 for none."""
    chroma_blur: float
    """Standard deviation, in pixels, of the camera's smoothing of colour; 0 for none."""
    luma_blur: tuple[float, float]
    """Standard deviation in pixels and share of the camera's smoothing of brightness."""
    softening: float
    """Standard deviation, in pixels, of the blur by lens correction; 0 for none."""
    sharpening: tuple[float, float]
    """Standard deviation in pixels and amount of the unsharp mask."""
    quality: int | None
    """JPEG quality; None for a picture that was never a JPEG."""
    subsampled: bool
    """Whether the JPEG stores colour at half the resolution (4:2:0)."""


def draw_camera(electrons: float, generator: np.random.Generator) -> Camera:
    """Draw a camera at random.

    Args:
        electrons: collected by a white pixel; fewer mean more noise. About 10,000 at ISO 800 for a full-frame camera.
        generator: of all the rest.
    """
    chance, between = generator.random, generator.uniform
    shot = 1 / electrons
    # Read noise rises with the gain, with this spread between cameras (Brooks et al., fitted to the Darmstadt set).
    read = float(np.exp(2.18 * np.log(shot) + 1.20 + 0.26 * generator.standard_normal()))
    to_camera = np.tensordot(generator.dirichlet(np.ones(len(_XYZ_TO_CAMERA))), _XYZ_TO_CAMERA, 1) @ _RGB_TO_XYZ
    scale = between(1.0, 2.0) if chance() < 0.3 else between(0.5, 1.0) if chance() < 0.4 else 1.0
    return Camera(
        shot=shot,
        read=read,
        to_camera=to_camera / to_camera.sum(axis=1, keepdims=True),
        gains=np.array([between(1.5, 2.4), 1.0, between(1.4, 2.2)], np.float32) * np.float32(between(1.0, 1.5)),
        tone_curve=bool(chance() < 0.5),
        pattern=str(generator.choice(BAYER_PATTERNS)),
        edge_aware=bool(chance() < 0.6),
        scale=float(scale),
        # Cameras denoise shots at a high ISO, colour more than brightness, and leave grain coarser than a pixel.
        cleaning=(float(between(0.8, 2.0)), float(between(1, 4) * np.sqrt(shot)) if chance() < 0.4 else 0.0),
        chroma_blur=float(np.exp(between(np.log(0.6), np.log(4.0)))) if chance() < 0.7 else 0.0,
        luma_blur=(float(between(0.5, 1.8)), float(between(0.3, 1.0)) if chance() < 0.5 else 0.0),
        softening=float(between(0.4, 1.0)) if chance() < 0.5 else 0.0,
        sharpening=(float(between(0.6, 1.5)), float(between(0.2, 1.5)) if chance() < 0.4 else 0.0),
        quality=int(generator.integers(70, 101)) if chance() < 0.85 else None,
        subsampled=bool(chance() < 0.6),
    )


def shoot(image: Floats, camera: Camera, generator: np.random.Generator) -> Floats:
    """Give a photograph the noise that a camera would have given it.

    Args:
        image: HxWx3 sRGB, 0 to 1; gray if the three channels are equal.
        camera: the camera.
        generator: of the noise.

    Returns:
        HxWx3 in whole 8-bit steps, 0 to 1; gray pictures get gray noise.
    """
    height, width = image.shape[:2]
    sides = [max(2, round(side * camera.scale)) for side in (height, width)]
    seen = image if camera.scale == 1 else resize(image, *sides).clip(0, 1)
    mosaic = _mosaic(_expose(seen, camera), camera.pattern)
    variance = camera.shot * mosaic.clip(0) + np.float32(camera.read)
    raw_noise: Floats = np.sqrt(variance) * generator.standard_normal(mosaic.shape, dtype=np.float32)
    brighter, darker = (_clean(_develop(mosaic + sign * raw_noise, camera), camera) for sign in (1, -1))
    noise = (brighter - darker) * np.float32(0.5)
    noise = noise if camera.scale == 1 else resize(noise, height, width)
    noise = _finish(noise, camera)
    if is_gray(image):
        noise = np.repeat((noise @ _LUMA)[..., None], 3, axis=2)
    return _store((image + noise).clip(0, 1), camera)


def is_gray(image: NDArray[Any]) -> bool:
    """Return whether the three channels of HxWx3 are equal."""
    return bool((image == image[..., :1]).all())


def _expose(image: Floats, camera: Camera) -> Floats:
    """Convert a finished picture to what the sensor saw: linear light in the camera's own colours."""
    if camera.tone_curve:
        image = np.float32(0.5) - np.sin(np.arcsin(1 - 2 * image) / np.float32(3))
    linear = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ camera.to_camera.T.astype(np.float32) / camera.gains, np.float32)


def _mosaic(image: Floats, pattern: str) -> Floats:
    """Keep the one colour of each pixel that its filter lets through: HxW."""
    mosaic = np.empty(image.shape[:2], np.float32)
    for place, colour in enumerate(pattern):
        cell = slice(place // 2, None, 2), slice(place % 2, None, 2)
        mosaic[cell] = image[(*cell, "RGB".index(colour))]
    return mosaic


def _develop(mosaic: Floats, camera: Camera) -> Floats:
    """Develop a mosaic to sRGB: white balance, demosaicing, colour matrix, gamma and tone curve."""
    balanced = np.empty_like(mosaic)
    for place, colour in enumerate(camera.pattern):
        cell = slice(place // 2, None, 2), slice(place % 2, None, 2)
        balanced[cell] = mosaic[cell] * camera.gains["RGB".index(colour)]
    steps = np.float32(65535 / (1 + _BELOW_BLACK))
    whole = ((balanced + _BELOW_BLACK) * steps).clip(0, 65535).astype(np.uint16)
    colours = demosaic(whole, camera.pattern, edge_aware=camera.edge_aware) / steps - np.float32(_BELOW_BLACK)
    linear = (colours @ np.linalg.inv(camera.to_camera).T.astype(np.float32)).clip(0, 1)
    image = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(image * image * (3 - 2 * image) if camera.tone_curve else image, np.float32)


def _clean(image: Floats, camera: Camera) -> Floats:
    """Apply the camera's own noise reduction."""
    reach, contrast = camera.cleaning
    return bilateral(image, reach, contrast) if contrast else image


def _finish(noise: Floats, camera: Camera) -> Floats:
    """Apply the camera's smoothing and sharpening, all of it linear, to the noise."""
    luma = (noise @ _LUMA)[..., None]
    chroma = noise - luma
    if camera.chroma_blur:
        chroma = blur(chroma, camera.chroma_blur)
    sigma, share = camera.luma_blur
    if share:
        luma = luma + np.float32(share) * (blur(luma, sigma)[..., None] - luma)
    noise = luma + chroma
    if camera.softening:
        noise = blur(noise, camera.softening)
    sigma, amount = camera.sharpening
    return noise + np.float32(amount) * (noise - blur(noise, sigma)) if amount else noise


def _store(image: Floats, camera: Camera) -> Floats:
    pixels = np.rint(image * 255).astype(np.uint8)
    if camera.quality is not None and is_gray(image):
        pixels = np.repeat(jpeg_round_trip(pixels[..., 0].copy(), camera.quality)[..., None], 3, axis=2)
    elif camera.quality is not None:
        pixels = jpeg_round_trip(pixels, camera.quality, subsampled=camera.subsampled)
    return to_unit(pixels)
