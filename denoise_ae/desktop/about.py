"""The About box: versions, device and models."""

from __future__ import annotations

import platform
from html import escape

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from denoise_ae import __version__
from denoise_ae.errors import ModelError
from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.runtime import available_devices


def about_text(devices: dict[str, str]) -> str:
    """Return the box's text in HTML.

    Args:
        devices: names of the models that are loaded -> devices that they run on.
    """
    translate = QCoreApplication.translate
    in_use = ", ".join(f"{model}: {device}" for model, device in devices.items())
    try:
        models = ", ".join(f"{name} ({origin})" for name, origin in catalog.names())
    except ModelError as error:
        models = error.message
    facts = [
        (translate("About", "Version"), __version__),
        ("Python", platform.python_version()),
        ("PySide6", pyside_version),
        (translate("About", "Devices"), ", ".join(available_devices())),
        (translate("About", "In use"), in_use or translate("About", "nothing is loaded yet")),
        (translate("About", "Models"), models),
    ]
    rows = "".join(f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>" for name, value in facts)
    claim = translate("About", "Cleans noisy pictures on this computer. No picture leaves it.")
    licence = translate("About", "Free software under the Apache License 2.0.")
    return f"<h3>denoise-ae</h3><p>{escape(claim)}</p><table>{rows}</table><p>{escape(licence)}</p>"


def show_about(parent: QWidget, devices: dict[str, str]) -> None:
    """Show the box; see `about_text`."""
    box = QMessageBox(parent)
    box.setWindowTitle(QCoreApplication.translate("About", "About denoise-ae"))
    box.setText(about_text(devices))
    box.setIconPixmap(parent.windowIcon().pixmap(64, 64))
    box.exec()
