"""The open picture, the settings A and B, and their canvases."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from denoise_ae.desktop.picture.canvas import Canvas, Window
from denoise_ae.desktop.picture.document import Document
from denoise_ae.desktop.picture.engine import Engine
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.errors import DenoiseError

MOST_KEPT = 6
MOST_KEPT_BYTES = 800_000_000
"""Limits of the canvases that are kept, so that going back to earlier settings shows their result at once."""


class Slot(StrEnum):
    """One of the two settings that can be compared."""

    A = "A"
    B = "B"


class PictureSession(QObject):
    """Keeps settings, canvases and engine in step.

    Args:
        engine: does the work.
        settings: that A and B begin with.
        parent: owner, as Qt has it.

    Attributes:
        document: the open picture.
        slot_settings: A's and B's.
        active: the slot that is edited and saved.
        comparing: whether A is shown beside B, instead of the original beside one of them.
    """

    changed = Signal()
    """The document, the settings, or the way to compare has changed."""
    updated = Signal(object, object)
    """A canvas that is shown, and the window of it that is clean now."""
    completed = Signal()
    """All that is shown is clean."""
    failed = Signal(object)
    """The DenoiseError that says why settings don't work."""

    def __init__(self, engine: Engine, settings: PictureSettings | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document: Document | None = None
        self.slot_settings = dict.fromkeys(Slot, settings or PictureSettings())
        self.active = Slot.A
        self.comparing = False
        self._engine = engine
        self._kept: OrderedDict[PictureSettings, Canvas] = OrderedDict()
        self._broken: set[Canvas] = set()
        self._seen: Window | None = None
        self._focus = (0.0, 0.0)
        self._saved: PictureSettings | None = None
        self._touched = False
        engine.updated.connect(self._note)
        engine.failed.connect(self._fail)

    @property
    def settings(self) -> PictureSettings:
        """The active slot's."""
        return self.slot_settings[self.active]

    def open(
        self, document: Document, *, pasted: bool = False, seen: tuple[Window, tuple[float, float]] | None = None
    ) -> None:
        """Show another picture.

        Args:
            document: the picture.
            pasted: whether it has no file, so that closing it loses it.
            seen: see `look_at`; None: nothing yet.
        """
        self.document = document
        self._kept.clear()
        self._broken.clear()
        self._saved = None
        self._touched = pasted
        self._seen, self._focus = seen or (None, (0.0, 0.0))
        self._engine.hold(False)
        self._hand_over()
        self.changed.emit()

    def set_settings(self, settings: PictureSettings) -> None:
        """Change the active slot's settings."""
        if settings == self.settings:
            return
        self.slot_settings[self.active] = settings
        self._touched = self._touched or self.document is not None
        self._engine.hold(False)
        self._hand_over()
        self.changed.emit()

    def activate(self, slot: Slot) -> None:
        """Edit and save this slot from now on."""
        self.active = slot
        self._hand_over()
        self.changed.emit()

    def compare(self, comparing: bool) -> None:
        """Show A beside B, or the original beside the active settings."""
        self.comparing = comparing
        self._hand_over()
        self.changed.emit()

    def look_at(self, seen: Window | None, focus: tuple[float, float]) -> None:
        """Say what is seen of the picture, so that it is cleaned first."""
        if (seen, focus) != (self._seen, self._focus):
            self._seen, self._focus = seen, focus
            self._hand_over()

    def canvas(self, slot: Slot) -> Canvas | None:
        """Return a slot's canvas; None at strength 0, or without a picture."""
        settings = self.slot_settings[slot]
        if self.document is None or not settings.strengths:
            return None
        if settings.base not in self._kept:
            self._kept[settings.base] = Canvas(self.document.pixels, settings.base)
        self._kept.move_to_end(settings.base)
        return self._kept[settings.base]

    def wanted(self) -> list[Canvas]:
        """Return the canvases that are shown, the active one first."""
        other = Slot.B if self.active is Slot.A else Slot.A
        slots = [self.active, other] if self.comparing else [self.active]
        found = [canvas for slot in slots if (canvas := self.canvas(slot)) is not None]
        return list(dict.fromkeys(found))

    @property
    def complete(self) -> bool:
        """Whether the active slot's result is complete."""
        canvas = self.canvas(self.active)
        return self.document is not None and (canvas is None or canvas.complete)

    @property
    def share(self) -> float:
        """How much of what is shown is clean, 0 to 1."""
        wanted = self.wanted()
        return sum(canvas.share for canvas in wanted) / len(wanted) if wanted else 1.0

    @property
    def broken(self) -> bool:
        """Whether the active settings have failed."""
        return self.canvas(self.active) in self._broken

    @property
    def unsaved(self) -> bool:
        """Whether there is unsaved work: changed settings, or a complete result."""
        canvas = self.canvas(self.active)
        worked = self._touched or (canvas is not None and canvas.complete)
        return self.document is not None and worked and self._saved != self.settings

    def note_saved(self, settings: PictureSettings) -> None:
        """Note that the result of these settings is saved."""
        self._saved = settings

    def _hand_over(self) -> None:
        wanted = self.wanted()
        for settings, canvas in list(self._kept.items()):
            idle = not canvas.done.any()
            room = len(self._kept) <= MOST_KEPT and sum(kept.bytes for kept in self._kept.values()) <= MOST_KEPT_BYTES
            if canvas not in wanted and (idle or not room):
                del self._kept[settings]
        working = [canvas for canvas in wanted if canvas not in self._broken]
        self._engine.want(self.document, working, self._seen, self._focus)

    def _note(self, canvas: Canvas, window: Window) -> None:
        wanted = self.wanted()
        if canvas not in wanted:
            return
        self.updated.emit(canvas, window)
        if all(each.complete for each in wanted):
            self.completed.emit()

    def _fail(self, canvas: Canvas, error: DenoiseError) -> None:
        if canvas in self._kept.values():
            self._broken.add(canvas)
            self.failed.emit(error)
