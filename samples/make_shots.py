"""Take the README's pictures of the window, from the real window with the real model: `make shots`."""

import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QColor, QPalette
from PySide6.QtTest import QTest

from denoise_ae.desktop.app import make_application
from denoise_ae.desktop.picture.session import Slot
from denoise_ae.desktop.window import MainWindow

HERE = Path(__file__).resolve().parent
SHOTS = HERE / "shown" / "desktop"
PATIENCE_SECONDS = 300


def wait(until) -> None:
    """Let the window live until something is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not until():
        if time.monotonic() > end:
            sys.exit("the window does not get on")
        QTest.qWait(50)
    QTest.qWait(100)


def dark() -> QPalette:
    """Return the palette that a dark desktop gives: Qt's offscreen platform has no desktop to follow."""
    palette = QPalette(QColor(53, 53, 56), QColor(40, 40, 43))
    palette.setColor(QPalette.ColorRole.Base, QColor(33, 33, 35))
    palette.setColor(QPalette.ColorRole.AlternateBase, QColor(40, 40, 43))
    palette.setColor(QPalette.ColorRole.Highlight, QColor(70, 130, 190))
    palette.setColor(QPalette.ColorRole.PlaceholderText, QColor(150, 150, 154))
    return palette


def main() -> None:
    """Take the pictures."""
    os.environ["DENOISE_AE_HOME"] = tempfile.mkdtemp()
    app = make_application()
    app.setPalette(dark())
    window = MainWindow(threads=1)
    window.resize(1160, 740)
    window.show()
    session = window.session
    SHOTS.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        window.grab().save(str(SHOTS / f"{name}.png"))

    window.open_paths([HERE / "noisy" / "cat.png"])
    wait(lambda: session.document is not None and session.complete)
    window.view.zoom_to(1.9)
    take("wipe")

    session.activate(Slot.B)
    session.set_settings(replace(session.settings, strength=0.5))
    window.settings_panel.compare.setChecked(True)
    window.actions_.modes["side by side"].trigger()
    window.view.zoom_to(1.6)
    wait(lambda: session.share == 1)
    take("compare")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (HERE / "noisy").glob("*.png"):
            shutil.copy(path, folder)
        (folder / "broken.png").write_bytes((HERE / "noisy" / "cat.png").read_bytes()[:5000])
        session.activate(Slot.A)
        window.settings_panel.compare.setChecked(False)
        window.batch.add([folder])
        window.show_page(window.batch)
        wait(lambda: len(window.batch.model.rows) == 5)
        wait(lambda: sum(row.thumbnail is not None for row in window.batch.model.rows) >= 4)
        window.batch.begin()
        wait(lambda: sum(row.settled for row in window.batch.model.rows) >= 3)
        take("batch")
        window.batch.stop()
        wait(lambda: not window.batch.running)
    session.note_saved(session.settings)
    window.close()


if __name__ == "__main__":
    main()
