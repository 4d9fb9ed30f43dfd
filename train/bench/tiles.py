"""How much of the speed of bare onnxruntime cleaning a picture reaches, by tile, threads and sessions side by side.

python train/bench/tiles.py [--model NAME|FILE.onnx] [--megapixels 12] [--repeats 3] [--tiles 512 1024 ...]
    [--threads 1 2] [--sessions 1 2] [--shared]

Bare: onnxruntime with its own defaults, but for the threads, on the very same tiles that cleaning feeds to it, which
lie ready in memory. Both take turns. Speeds count the picture's pixels once, so that the overlap slows both down. With
two sessions two pictures are cleaned at the same time, each by a model of its own or, with --shared, by the same one.
`inside` is the share of the time of cleaning that passes in onnxruntime, with this project's settings for it. The aim
is 85 % of what bare onnxruntime reaches where it is fastest.

On two cores a row takes about a minute for `photo`, so that --tiles 1024 --threads 2 --sessions 1 is soon done and all
of it takes most of an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from unittest import mock

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from shared import noisy_picture, print_head, print_row, spread, take_turns

from denoise_ae.modelfiles import catalog
from denoise_ae.restoration.denoiser import Denoiser

TILES = (256, 384, 512, 768, 1024, 1344, 1536, 2048)

Outputs = Sequence[str] | None
Inputs = Mapping[str, NDArray[np.float32]]


@contextmanager
def watched(note: Callable[[Outputs, Inputs, float], object]) -> Iterator[None]:
    """Tell of each run of onnxruntime: the outputs asked for, the inputs and the seconds that it took."""
    run = onnxruntime.InferenceSession.run

    def noted(session: onnxruntime.InferenceSession, outputs: Outputs, inputs: Inputs) -> list[NDArray[np.float32]]:
        begin = time.perf_counter()
        results: list[NDArray[np.float32]] = run(session, outputs, inputs)
        note(outputs, inputs, time.perf_counter() - begin)
        return results

    with mock.patch.object(onnxruntime.InferenceSession, "run", noted):
        yield


def tiles_of(denoiser: Denoiser, picture: NDArray[np.uint8]) -> list[tuple[Outputs, Inputs]]:
    """Return what cleaning a picture gives to onnxruntime."""
    runs: list[tuple[Outputs, Inputs]] = []

    def keep(outputs: Outputs, inputs: Inputs, _: float) -> None:
        runs.append((outputs, {name: array.copy() for name, array in inputs.items()}))

    with watched(keep):
        denoiser.clean(picture)
    return runs


def bare_session(data: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load a model as anybody would."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def side_by_side(works: Sequence[Callable[[], object]]) -> None:
    """Do several things, each in a thread of its own."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


@dataclass(frozen=True)
class Seconds:
    """What each round took, and the part of all cleaning that passed in onnxruntime."""

    bare: NDArray[np.float64]
    clean: NDArray[np.float64]
    inside: float


def measure(
    sessions: Sequence[onnxruntime.InferenceSession],
    denoisers: Sequence[Denoiser],
    picture: NDArray[np.uint8],
    runs: Sequence[tuple[Outputs, Inputs]],
    rounds: int,
) -> Seconds:
    """Time sessions on a picture's tiles, and as many denoisers on the picture itself, in turn."""
    inside: list[float] = []

    def run_all(session: onnxruntime.InferenceSession) -> None:
        for outputs, inputs in runs:
            session.run(outputs, inputs)

    def clean() -> None:
        with watched(lambda _outputs, _inputs, seconds: inside.append(seconds)):
            side_by_side([partial(denoiser.clean, picture) for denoiser in denoisers])

    bare = partial(side_by_side, [partial(run_all, session) for session in sessions])
    seconds = take_turns([bare, clean], rounds)
    return Seconds(seconds[:, 0], seconds[:, 1], sum(inside) / len(denoisers))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tiles", type=int, nargs="+", default=TILES, help="sides in pixels")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of each session")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2], help="side by side")
    parser.add_argument("--shared", action="store_true", help="run one session from several threads instead")
    options = parser.parse_args()
    picture = noisy_picture(options.megapixels)
    megapixels = picture.shape[0] * picture.shape[1] / 1e6
    data = catalog.find(options.model).read()
    print(f"{options.model}, {picture.shape[1]} x {picture.shape[0]} pixels, {options.repeats} turns each\n")
    print_head(["tile", "tiles", "kept", "threads", "sessions", "bare, MP/s", "clean, MP/s", "clean / bare", "inside"])
    for tile in options.tiles:
        runs = tiles_of(Denoiser(options.model, device="cpu", tile=tile), picture)
        images = [max(inputs.values(), key=np.size) for _, inputs in runs]
        height, width = images[0].shape[2:]
        computed = sum(image.size for image in images)
        tiles = f"{computed // (3 * height * width)} of {width} x {height}"
        for threads, count in product(options.threads, options.sessions):
            loaded, users = (1, count) if options.shared else (count, 1)
            sessions = [bare_session(data, threads) for _ in range(loaded)] * users
            load = partial(Denoiser, options.model, device="cpu", threads=threads, tile=tile)
            denoisers = [load() for _ in range(loaded)] * users
            seconds = measure(sessions, denoisers, picture, runs, options.repeats)
            speeds = [f"{count * megapixels / np.median(side):.2f}" for side in (seconds.bare, seconds.clean)]
            shares = f"{picture.size / computed:.0%}", f"{seconds.inside / seconds.clean.sum():.0%}"
            ratio = spread(seconds.bare / seconds.clean)
            print_row([tile, tiles, shares[0], threads, count, *speeds, ratio, shares[1]])


if __name__ == "__main__":
    main()
