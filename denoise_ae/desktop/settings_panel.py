"""The panel on the right: model, noise level, strengths and hot pixels of the settings A and B."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from denoise_ae.batch.jobs import LITTLE_NOISE
from denoise_ae.desktop.model_texts import describe
from denoise_ae.desktop.picture.session import Slot
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.restoration.denoiser import STRENGTH_RANGE

MOST_SIGMA = 75
"""End of the slider; the models are trained up to 55."""

_DEFAULT_SIGMA = 15.0
_CHOSEN = "QPushButton:checked { background: palette(highlight); color: palette(highlighted-text); }"


class SettingsPanel(QWidget):
    """Shows and edits the settings of one slot at a time."""

    settings_changed = Signal(object)
    """The settings as they are now."""
    slot_chosen = Signal(object)
    compare_toggled = Signal(bool)

    def __init__(self, cards: dict[str, ModelCard], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards = cards
        self._settings = PictureSettings()
        self._found: float | None = None

        self.slots = {slot: QPushButton(slot.value) for slot in Slot}
        group = QButtonGroup(self)
        choice = QHBoxLayout()
        choice.setSpacing(4)
        for slot, button in self.slots.items():
            button.setCheckable(True)
            button.setStyleSheet(_CHOSEN)
            button.setAccessibleName(self.tr("Settings {}").format(slot.value))
            button.setToolTip(self.tr("Edit and save settings {}").format(slot.value))
            group.addButton(button)
            choice.addWidget(button)
            button.clicked.connect(lambda _checked=False, slot=slot: self.slot_chosen.emit(slot))
        self.slots[Slot.A].setChecked(True)
        self.compare = QCheckBox(self.tr("Compare A with B"))
        self.compare.setToolTip(self.tr("Show A left and B right of the divider, instead of the original"))
        self.compare.toggled.connect(self.compare_toggled)

        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        for name, card in cards.items():
            self.model.addItem(name, name)
            self.model.setItemData(self.model.count() - 1, describe(card), Qt.ItemDataRole.ToolTipRole)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setForegroundRole(QPalette.ColorRole.PlaceholderText)

        self.automatic = QCheckBox(self.tr("Estimate it"))
        self.automatic.setChecked(True)
        self.found = QLabel()
        self.found.setAccessibleName(self.tr("Estimated noise level"))
        self.sigma, self.sigma_box = QSlider(Qt.Orientation.Horizontal), QDoubleSpinBox()
        self.sigma.setRange(0, MOST_SIGMA * 2)
        self.sigma_box.setRange(0, 255)
        self.sigma_box.setDecimals(1)
        self.sigma.setAccessibleName(self.tr("Noise level"))
        self.sigma_box.setAccessibleName(self.tr("Noise level in steps of 255"))
        self.strength, self.strength_box = _strength_controls(self.tr("Strength"), self.tr("Strength in percent"))

        self._make_details()
        self._lay_out(choice)
        self._connect()
        self.show_settings(Slot.A, PictureSettings())

    def _make_details(self) -> None:
        """Make what is folded away at first: luminance and colour apart, and hot pixels."""
        self.more = QToolButton()
        self.more.setText(self.tr("More"))
        self.more.setCheckable(True)
        self.more.setAutoRaise(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setToolTip(self.tr("Luminance and colour apart, hot pixels"))
        self.details = QWidget()
        self.apart = QCheckBox(self.tr("Luminance and colour apart"))
        self.apart.setToolTip(self.tr("Colour noise disturbs more and holds less detail: remove more of it"))
        self.luma, self.luma_box = _strength_controls(self.tr("Luminance"), self.tr("Luminance in percent"))
        self.chroma, self.chroma_box = _strength_controls(self.tr("Colour"), self.tr("Colour in percent"))
        self.defects = QCheckBox(self.tr("Fill hot and dead pixels"))
        self.defects.setToolTip(self.tr("Single pixels of a photograph that a faulty sensor made bright or dark"))
        self.hot_pixels = QLabel()
        self.hot_pixels.setAccessibleName(self.tr("Hot and dead pixels that were found"))
        form = QFormLayout(self.details)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(self.apart)
        for text, slider, box in (
            (self.tr("Luminance"), self.luma, self.luma_box),
            (self.tr("Colour"), self.chroma, self.chroma_box),
        ):
            label = QLabel(text)
            form.addRow(label, _in_a_row(slider, box))
            label.setBuddy(slider)
        form.addRow(_in_a_row(self.defects, self.hot_pixels))
        self._unfold(False)

    def _unfold(self, unfolded: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self.details.setVisible(unfolded)

    def _lay_out(self, choice: QHBoxLayout) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(choice)
        layout.addWidget(self.compare)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow(self.tr("&Model"), self.model)
        form.addRow(self.about)
        form.addRow(self.tr("&Noise level"), _in_a_row(self.automatic, self.found))
        form.addRow(_in_a_row(self.sigma, self.sigma_box))
        form.addRow(self.tr("S&trength"), _in_a_row(self.strength, self.strength_box))
        layout.addLayout(form)
        layout.addWidget(self.more)
        layout.addWidget(self.details)
        for first in (self.automatic, self.strength):  # a row itself takes no keyboard focus
            row = first.parentWidget()
            label = form.labelForField(row) if row else None
            assert isinstance(label, QLabel)
            label.setBuddy(first)

    def _connect(self) -> None:
        self.model.currentIndexChanged.connect(self._edit)
        self.automatic.toggled.connect(self._choose_automatic)
        self.sigma.valueChanged.connect(lambda value: self.sigma_box.setValue(value / 2))
        self.sigma_box.valueChanged.connect(self._edit_sigma)
        self.more.toggled.connect(self._unfold)
        self.apart.toggled.connect(self._choose_apart)
        self.defects.toggled.connect(lambda filled: self._tell(replace(self._settings, defects=filled)))
        for name, slider, box in self._strengths():
            slider.valueChanged.connect(box.setValue)
            box.valueChanged.connect(partial(self._edit_strength, name, slider))

    def _strengths(self) -> tuple[tuple[str, QSlider, QSpinBox], ...]:
        """Return the name of each strength among the settings, and its two controls."""
        return (
            ("strength", self.strength, self.strength_box),
            ("luma", self.luma, self.luma_box),
            ("chroma", self.chroma, self.chroma_box),
        )

    def show_settings(self, slot: Slot, settings: PictureSettings) -> None:
        """Show a slot's settings, without emitting a signal."""
        self._settings = settings
        widgets = [self.model, self.automatic, self.sigma, self.sigma_box, self.apart, self.defects]
        for _, slider, box in self._strengths():
            widgets += [slider, box]
        blockers = [QSignalBlocker(widget) for widget in widgets]
        self.slots[slot].setChecked(True)
        self.model.setCurrentIndex(self.model.findData(settings.model))
        self.automatic.setChecked(settings.sigma is None)
        if settings.sigma is not None:
            self.sigma_box.setValue(settings.sigma)
            self.sigma.setValue(round(2 * settings.sigma))
        self.apart.setChecked(settings.apart)
        self.defects.setChecked(settings.defects)
        shown = (settings.strength, settings.strengths.luma, settings.strengths.chroma)
        for (_, slider, box), value in zip(self._strengths(), shown, strict=True):
            slider.setValue(round(100 * value))
            box.setValue(round(100 * value))
        del blockers
        if settings.apart or not settings.defects:
            self.more.setChecked(True)  # what is not as usual is not hidden
        self._arrange()

    def show_comparing(self, comparing: bool) -> None:
        """Show whether A is compared with B, without emitting a signal."""
        blocker = QSignalBlocker(self.compare)
        self.compare.setChecked(comparing)
        del blocker

    def show_found(self, sigma: float | None) -> None:
        """Show the estimated noise level, in 8-bit steps; None: nothing is known yet."""
        self._found = sigma
        if sigma is None:
            text = ""
        elif sigma < LITTLE_NOISE:
            text = self.tr("{:.1f}, hardly any").format(sigma)
        else:
            text = f"{sigma:.1f}"
        self.found.setText(text if self._settings.sigma is None else "")

    def show_hot_pixels(self, count: int | None) -> None:
        """Show how many hot and dead pixels were filled; None: that is unknown yet, or none are to be."""
        self.hot_pixels.setText("" if count is None else self.tr("{} found").format(count))

    def _arrange(self) -> None:
        card = self._cards.get(self._settings.model)
        takes_sigma = card is None or card.takes_sigma
        self.about.setText(describe(card) if card else "")
        self.automatic.setEnabled(takes_sigma)
        for widget in (self.sigma, self.sigma_box):
            widget.setEnabled(takes_sigma and self._settings.sigma is not None)
        self.defects.setEnabled(takes_sigma)
        for name, slider, box in self._strengths():
            for each in (slider, box):
                each.setEnabled(self._settings.apart == (name != "strength"))

    def _tell(self, settings: PictureSettings) -> None:
        card = self._cards.get(settings.model)
        if card is not None and not card.takes_sigma:
            settings = replace(settings, sigma=None)
            blocker = QSignalBlocker(self.automatic)
            self.automatic.setChecked(True)
            del blocker
        self._settings = settings
        self._arrange()
        self.settings_changed.emit(settings)

    def _edit(self) -> None:
        self._tell(replace(self._settings, model=str(self.model.currentData())))

    def _choose_automatic(self, automatic: bool) -> None:
        if automatic:
            self._tell(replace(self._settings, sigma=None))
            return
        # Start from the estimate, so that the picture does not jump.
        level = round(self._found if self._found is not None else _DEFAULT_SIGMA, 1)
        self._settings = replace(self._settings, sigma=level)
        blockers = [QSignalBlocker(self.sigma), QSignalBlocker(self.sigma_box)]
        self.sigma_box.setValue(level)
        self.sigma.setValue(round(2 * level))
        del blockers
        self._tell(self._settings)

    def _edit_sigma(self, level: float) -> None:
        blocker = QSignalBlocker(self.sigma)
        self.sigma.setValue(round(2 * level))
        del blocker
        self._tell(replace(self._settings, sigma=round(level, 1)))

    def _edit_strength(self, name: str, slider: QSlider, percent: int) -> None:
        blocker = QSignalBlocker(slider)
        slider.setValue(percent)
        del blocker
        value = percent / 100
        settings = self._settings
        if name == "luma":
            self._tell(replace(settings, luma=value, chroma=settings.strengths.chroma))
        elif name == "chroma":
            self._tell(replace(settings, luma=settings.strengths.luma, chroma=value))
        else:
            self._tell(replace(settings, strength=value))

    def _choose_apart(self, apart: bool) -> None:
        # Both start from the strength, so that the picture does not jump.
        own = self._settings.strength if apart else None
        self._tell(replace(self._settings, luma=own, chroma=own))


def installed_cards() -> dict[str, ModelCard]:
    """Return the cards of all installed models for cleaning, by name.

    Raises:
        ModelError: they can't be read.
    """
    return {model.card.name: model.card for model in catalog.models() if not model.card.takes_mask}


def _strength_controls(name: str, box_name: str) -> tuple[QSlider, QSpinBox]:
    """Return a slider and a box for a strength in percent, with their names for screen readers."""
    slider, box = QSlider(Qt.Orientation.Horizontal), QSpinBox()
    for widget, text in ((slider, name), (box, box_name)):
        widget.setRange(0, round(100 * STRENGTH_RANGE[1]))
        widget.setValue(100)
        widget.setAccessibleName(text)
    box.setSuffix(" %")
    slider.setTickInterval(50)
    slider.setTickPosition(QSlider.TickPosition.TicksBelow)
    return slider, box


def _in_a_row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row
