"""Start the program: Qt, its translations, its icon, and the window."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from denoise_ae import __version__
from denoise_ae.desktop.background import in_words
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.desktop.window import MainWindow

FOLDER = Path(__file__).resolve().parent
ICON = FOLDER / "denoise-ae.svg"
TRANSLATIONS = FOLDER / "translations"

_OF_OPENCV = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")


def without_plugins_of_opencv() -> None:
    """Unset the variables with which opencv-python, when imported, makes Qt load the plugins inside cv2.

    They were built for another Qt, and no window would open.
    """
    for name in _OF_OPENCV:
        if "cv2" in Path(os.environ.get(name, "")).parts:
            del os.environ[name]


def make_application(words: Sequence[str] = ()) -> QApplication:
    """Make Qt's application, or take the existing one, and give it our name, icon and translations.

    Args:
        words: the command line, for Qt's own options.
    """
    without_plugins_of_opencv()
    there = QApplication.instance()
    app = there if isinstance(there, QApplication) else QApplication(["denoise-ae", *words])
    app.setApplicationName("denoise-ae")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("denoise-ae")
    app.setWindowIcon(QIcon(str(ICON)))
    if sys.platform == "linux":
        app.setStyle("Fusion")  # follows light and dark everywhere
    translate(app, QLocale.system())
    return app


def translate(app: QApplication, locale: QLocale) -> list[QTranslator]:
    """Install the translations for a locale, Qt's own too, as far as there are any; return them."""
    found = []
    for name, folder in (
        ("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        ("denoise-ae", str(TRANSLATIONS)),
    ):
        translator = QTranslator(app)
        if translator.load(locale, name, "_", folder):
            app.installTranslator(translator)
            found.append(translator)
    return found


def start(
    files: Sequence[Path] = (),
    settings: PictureSettings | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
) -> int:
    """Open the window, and return the program's exit status when it is closed.

    Args:
        files: pictures and folders to open.
        settings: model, noise level and strength to begin with.
        device: see `denoise_ae.restoration.denoiser.Denoiser`.
        threads: see `denoise_ae.restoration.denoiser.Denoiser`.

    Raises:
        ModelError: the installed models can't be read.
    """
    app = make_application()
    window = MainWindow(settings, device=device, threads=threads)

    def show(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        traceback.print_exception(kind, error, at)
        window.message.show_error(in_words(error))

    before, sys.excepthook = sys.excepthook, show
    try:
        window.show()
        if files:
            window.open_paths(files)
        return app.exec()
    finally:
        sys.excepthook = before
