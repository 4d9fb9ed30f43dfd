"""A message above the picture that blocks nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from denoise_ae.desktop.background import advice
from denoise_ae.errors import DenoiseError


class MessageBar(QFrame):
    """Shows an error and its hint until it is closed or the problem is gone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self.setStyleSheet("#message { background: #8a3324; } #message QLabel, #message QToolButton { color: white; }")
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setAccessibleName(self.tr("Message"))
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setAccessibleName(self.tr("Close the message"))
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.addWidget(self.label, 1)
        layout.addWidget(close)
        self.hide()

    def show_error(self, error: DenoiseError) -> None:
        """Show an error."""
        hint = advice(error)
        self.label.setText(f"{error.message}\n{hint}" if hint else error.message)
        self.show()
