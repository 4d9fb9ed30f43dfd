"""Load the training data of a recipe: MNIST, or pictures from folders.

Every batch depends on (seed, epoch, index) only, so that a resumed run sees the same batches as an uninterrupted one,
and the processes of a distributed run draw theirs without communication.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from denoise_ae.errors import DenoiseError, TrainingError
from denoise_ae.training.data.digits import Digits
from denoise_ae.training.data.mnist import Progress, load_mnist
from denoise_ae.training.data.photos import Photos
from denoise_ae.training.data.samples import TrainingData
from denoise_ae.training.recipes.recipe import Recipe


def load_pictures(folders: Sequence[Path], smallest: int, limit: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Read every picture below some folders into memory.

    Args:
        folders: walked with all their sub-folders, in sorted order.
        smallest: pictures with a shorter side are left out.
        limit: stop after so many pictures; 0 reads all.

    Returns:
        The pictures as uint8 HxWx3 (gray ones get three equal channels, 16-bit ones are scaled, alpha is dropped), and
        a line for each file that was left out, with the reason.

    Raises:
        TrainingError: a folder is missing, or holds no usable picture.
    """
    from denoise_ae.imagefiles.formats import is_image_name
    from denoise_ae.imagefiles.images import read_image

    pictures: list[np.ndarray] = []
    left_out: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(f"{folder}: no such folder", "give the folder that holds your pictures with --data")
        for path in sorted(p for p in folder.rglob("*") if is_image_name(p) and p.is_file()):
            if limit and len(pictures) == limit:
                break
            try:
                picture = _as_rgb8(read_image(path).pixels)
            except DenoiseError as error:
                left_out.append(error.message)
                continue
            if min(picture.shape[:2]) < smallest:
                left_out.append(f"{path}: smaller than a patch of {smallest} pixels")
            else:
                pictures.append(picture)
    if not pictures:
        reason = f" ({left_out[0]})" if left_out else ""
        raise TrainingError(
            f"no picture to train on in {', '.join(map(str, folders))}{reason}",
            f"pictures of at least {smallest} x {smallest} pixels are needed",
        )
    return pictures, left_out


def _as_rgb8(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = np.rint(np.nan_to_num(pixels).clip(0, 1) * 255).astype(np.uint8)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def load_data(
    recipe: Recipe, folders: Sequence[Path], progress: Progress | None = None
) -> tuple[TrainingData, list[str]]:
    """Load what a recipe trains on.

    Args:
        recipe: the run's recipe.
        folders: pictures' folders; for MNIST at most one, with the idx files, or none to download them.
        progress: called during a download: the file's name, bytes so far, bytes in all.

    Returns:
        The data, and a line for each file that was left out.

    Raises:
        TrainingError: the data is missing or unusable.
    """
    if recipe.data.kind == "mnist":
        images, labels = load_mnist(folders[0] if folders else None, "train", progress=progress)
        wanted = slice(recipe.data.limit or None)
        return Digits(recipe, images[wanted], labels[wanted]), []
    if not folders:
        raise TrainingError("no pictures to train on", "give their folder with --data FOLDER")
    largest = max(stage.patch for stage in recipe.training.stages)
    pictures, left_out = load_pictures(folders, largest, recipe.data.limit)
    if recipe.training.self_supervised:
        from denoise_ae.training.data.noisy_photos import prepare

        return prepare(recipe, pictures, largest), left_out
    return Photos(recipe, pictures), left_out
