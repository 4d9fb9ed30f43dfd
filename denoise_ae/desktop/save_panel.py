"""The panel below the settings: how results are written."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from denoise_ae.desktop.picture.save import CHOICES, SaveOptions
from denoise_ae.imagefiles.formats import format_named


class SavePanel(QWidget):
    """Format, quality and metadata, and the button that saves."""

    save_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.format = QComboBox()
        self.format.setAccessibleName(self.tr("File format"))
        self.format.addItem(self.tr("As the picture"), None)
        for suffix in CHOICES:
            if (choice := format_named(suffix)) and choice.installed:
                self.format.addItem(f"{choice.title} ({suffix})", suffix)
        self.near = QCheckBox(self.tr("Quality near the picture's own"))
        self.near.setChecked(True)
        self.quality, self.quality_box = QSlider(Qt.Orientation.Horizontal), QSpinBox()
        for named in (self.quality, self.quality_box):
            named.setRange(1, 100)
            named.setValue(95)
            named.setAccessibleName(self.tr("Quality, 1 to 100"))
        self.metadata = QCheckBox(self.tr("Keep metadata (EXIF, colour profile)"))
        self.metadata.setChecked(True)
        self.time = QCheckBox(self.tr("Keep the file's date"))
        self.button = QPushButton(self.tr("Save as…"))
        self.button.setDefault(True)

        row = QHBoxLayout()
        row.addWidget(self.quality)
        row.addWidget(self.quality_box)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow(self.tr("F&ormat"), self.format)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.near)
        layout.addLayout(row)
        layout.addWidget(self.metadata)
        layout.addWidget(self.time)
        layout.addWidget(self.button)

        self.quality.valueChanged.connect(self.quality_box.setValue)
        self.quality_box.valueChanged.connect(self.quality.setValue)
        self.near.toggled.connect(self._arrange)
        self.format.currentIndexChanged.connect(self._arrange)
        self.button.clicked.connect(self.save_asked)
        self._arrange()

    def options(self) -> SaveOptions:
        """Return the chosen options."""
        return SaveOptions(
            suffix=self.format.currentData(),
            quality=None if self.near.isChecked() else self.quality.value(),
            keep_metadata=self.metadata.isChecked(),
            keep_time=self.time.isChecked(),
        )

    def _arrange(self) -> None:
        suffix = self.format.currentData()
        chosen = format_named(suffix) if suffix else None
        lossy = chosen is None or chosen.lossy
        self.near.setEnabled(lossy)
        for widget in (self.quality, self.quality_box):
            widget.setEnabled(lossy and not self.near.isChecked())
