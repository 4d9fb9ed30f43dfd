"""Measure what the window promises: how soon a change shows at 100 %, and how long a panned frame takes at 50 MP.

    python train/bench/desktop_speed.py [--threads 2]

Prints medians of wall time and of this process's processor time, which other programs on the machine touch less. The
view has 1280 x 800 pixels. What counts as shown has been painted.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEventLoop

from denoise_ae.desktop.app import make_application
from denoise_ae.desktop.picture.document import open_file
from denoise_ae.desktop.window import MainWindow

ROUNDS = 7


def picture(height: int, width: int) -> np.ndarray:
    """Noise around a gradient, HxWx3 uint8."""
    square = np.linspace(30, 200, 1000)[:, None, None] + np.random.default_rng(0).normal(0, 15, (1000, 1000, 3))
    tiles = np.tile(np.clip(square, 0, 255).astype(np.uint8), (-(-height // 1000), -(-width // 1000), 1))
    return np.ascontiguousarray(tiles[:height, :width])


def spin(until, seconds: float = 120.0) -> None:
    """Let the window live until something is true."""
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
        time.sleep(0.002)  # as a window at rest does: a busy loop here would take a core from the network


def report(name: str, times: list[tuple[float, float]]) -> None:
    """Print medians in milliseconds."""
    wall, cpu = (1000 * statistics.median(part) for part in zip(*times, strict=True))
    print(f"{name:58} {wall:8.0f} ms wall {cpu:8.0f} ms processor")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    os.environ["DENOISE_AE_HOME"] = tempfile.mkdtemp()
    make_application()
    window = MainWindow(threads=options.threads)
    view = window.view
    view.setFixedSize(1280, 800)
    window.show()

    def show(height: int, width: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.ppm"
            path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + picture(height, width).tobytes())
            document = open_file(path)
        window._show_document(document)
        view.zoom_to(1.0)

    def timed(change, shown) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        change()
        spin(shown)
        view.grab()
        return time.perf_counter() - wall, time.process_time() - cpu

    show(1600, 2400)
    session = window.session
    spin(lambda: session.document is not None and session.canvas(session.active).is_done(view.seen()[0]))

    def change(**changes):
        return lambda: session.set_settings(replace(session.settings, **changes))

    rounds = range(options.rounds)
    shares = [timed(change(strength=0.4 + number / 100), lambda: True) for number in rounds]
    report("strength up to 100 %: all that is seen", shares)

    def canvas():
        return session.canvas(session.active)

    def previewed() -> bool:
        cells = canvas().cells(view.seen()[0])
        return bool((canvas().done | canvas().previewed)[cells].all())

    def whole() -> bool:
        return canvas().is_done(view.seen()[0])

    session.set_settings(replace(session.settings, strength=1.0))
    report(
        "noise level: the clean half of the wipe, previewed", [timed(change(sigma=10.0 + n), previewed) for n in rounds]
    )
    report("noise level: the clean half of the wipe", [timed(change(sigma=20.0 + n), whole) for n in rounds])
    view.move_divider(0)
    spin(whole)
    report("noise level: all of the view, previewed", [timed(change(sigma=40.0 + n), previewed) for n in rounds])
    report("noise level: all of the view", [timed(change(sigma=30.0 + n), whole) for n in rounds])
    session.set_settings(replace(session.settings, sigma=10.0))
    report("a level that was seen before: all that is seen", [timed(change(sigma=30.0 + n), whole) for n in (0, 1)])

    show(5774, 8660)
    measure_panning(window, timed)
    session.note_saved(session.settings)
    window.close()


def measure_panning(window: MainWindow, timed) -> None:
    """Measure a frame of a large picture that is panned, at several zooms."""
    view = window.view
    window.engine.hold(True)
    for zoom in (view.viewport.fitting_zoom, 0.5, 1.0, 4.0):
        view.zoom_to(zoom)
        view.grab()

        def pan() -> None:
            view.viewport.pan(-37, -23)
            view._moved()

        report(f"panning 50 megapixels at {100 * zoom:.0f} %: a frame", [timed(pan, lambda: True) for _ in range(30)])


if __name__ == "__main__":
    main()
