"""Whether windows can be tested here, and helpers for those tests: what the user does, and what the user sees."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

_PROGRAM = "from PySide6.QtWidgets import QApplication; QApplication([])"


def _why_not() -> str:
    """Say why no window can be opened; empty where one can. Another process tries: Qt ends the one it fails in."""
    for package in ("PySide6", "pytestqt"):
        if find_spec(package) is None:
            return f"{package} is not installed"
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"Qt can't be loaded: {(done.stderr.strip().splitlines() or ['?'])[-1]}"


WHY_NOT = _why_not()
needs_qt = pytest.mark.skipif(bool(WHY_NOT), reason=f"no window: {WHY_NOT}")


def seen(view) -> np.ndarray:
    """What the view shows, height x width x 3."""
    from PySide6.QtGui import QImage

    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def seen_part(view, rows: slice, columns: slice) -> np.ndarray:
    """What the view shows of a part of the picture, at 100 %."""
    assert view.viewport.zoom == 1
    left, top = map(round, view.viewport.to_view(0, 0))
    return seen(view)[rows.start + top : rows.stop + top, columns.start + left : columns.stop + left]


def drop(widget, *paths: Path) -> None:
    """Drop files on a widget, as a file manager does."""
    from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
    from PySide6.QtGui import QDragEnterEvent, QDropEvent
    from PySide6.QtWidgets import QApplication

    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where = QPointF(50, 50)
    rest = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(where.toPoint(), *rest)
    QApplication.sendEvent(widget, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(widget, QDropEvent(where, *rest))
