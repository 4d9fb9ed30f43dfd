"""How many of the digits that a variational model draws another program takes for digits.

python train/bench/drawn.py FOLDER/mnist --model models/digits-vae.onnx

A small network of scikit-learn's learns to tell 20,000 of MNIST's training digits apart. What counts is the share of
drawn digits of which it is more than 90 % sure, beside that of MNIST's own test digits. It has never seen what is
no digit, and is sure of some that are none: the share compares models, it does not count digits.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from denoise_ae import Codec
from denoise_ae.training.data.mnist import load_mnist

TRAINING = 20_000
SURE = 0.9


def flat(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pictures N x H x W as rows on [0, 1]."""
    rows: NDArray[np.float32] = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    return rows


def learn(folder: Path) -> MLPClassifier:
    """Train the judge: 784-128-10, twelve epochs."""
    pictures, labels = load_mnist(folder, "train")
    judge = MLPClassifier((128,), alpha=1e-3, batch_size=128, max_iter=12, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # twelve are enough to judge by
        return judge.fit(flat(pictures[:TRAINING]), labels[:TRAINING])


def sure(judge: MLPClassifier, rows: NDArray[np.float32]) -> float:
    """Return the share of the pictures of which the judge is sure."""
    return float((judge.predict_proba(rows).max(1) > SURE).mean())


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="MNIST's idx files")
    parser.add_argument("--model", action="append", default=[], help="name or file; may be repeated")
    parser.add_argument("--count", type=int, default=2000, help="digits to draw")
    options = parser.parse_args()
    judge = learn(options.folder)
    pictures, labels = load_mnist(options.folder, "test")
    print(f"test digits: {judge.score(flat(pictures), labels):.1%} right, sure of {sure(judge, flat(pictures)):.1%}")
    for name in options.model or ["digits-vae"]:
        codec = Codec(name)
        for spread in (1.0, 0.7):
            drawn = codec.decode_cells(codec.draw(options.count, 0, spread)).clip(0, 1)
            print(f"{name}, spread {spread:g}: sure of {sure(judge, drawn.reshape(len(drawn), -1)):.1%}")


if __name__ == "__main__":
    main()
