"""Write small MNIST look-alikes, so that no test needs the real files or the network."""

import gzip
import struct
from pathlib import Path

import numpy as np


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of bytes in the idx format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` look-alikes: a bright rectangle whose place and size depend on its label, on black."""
    labels = np.random.default_rng(seed).integers(0, 10, count).astype(np.uint8)
    images = np.zeros((count, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + label : 14 + label, 6 : 12 + label] = 255 - 5 * label
    return images, labels


def write_mnist(folder: Path, train: int = 256, test: int = 64) -> None:
    """Write the four compressed files under MNIST's own names."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count, seed in (("train", train, 1), ("t10k", test, 2)):
        images, labels = digits(count, seed)
        # Without a time, so that the same digits always are the same bytes.
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images), mtime=0))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels), mtime=0))
