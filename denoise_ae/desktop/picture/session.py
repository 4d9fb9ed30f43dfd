"""What the window is about: the open picture, the looks A and B, and the canvases that belong to them."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from denoise_ae.desktop.picture.canvas import Canvas, Window
from denoise_ae.desktop.picture.document import Document
from denoise_ae.desktop.picture.engine import Engine
from denoise_ae.desktop.picture.settings import Look
from denoise_ae.errors import DenoiseError

MOST_KEPT = 6
MOST_KEPT_BYTES = 800_000_000
"""Canvases that are kept, so that going back to a look shows it at once."""


class Slot(StrEnum):
    """One of the two looks that can be compared."""

    A = "A"
    B = "B"


class Session(QObject):
    """Keeps looks, canvases and engine in step.

    Args:
        engine: that does the work.
        look: what A and B begin with.
        parent: that owns it.

    Attributes:
        document: the open picture.
        looks: A's and B's.
        active: the one that is edited and saved.
        comparing: A is shown beside B, instead of the original beside one of them.
    """

    changed = Signal()
    """Another document, look, or way to compare."""
    updated = Signal(object, object)
    """A canvas that is shown, and the window of it that is clean now."""
    completed = Signal()
    """All that is wanted is clean."""
    failed = Signal(object)
    """The DenoiseError that says why a look can't be had."""

    def __init__(self, engine: Engine, look: Look | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document: Document | None = None
        self.looks = dict.fromkeys(Slot, look or Look())
        self.active = Slot.A
        self.comparing = False
        self._engine = engine
        self._kept: OrderedDict[Look, Canvas] = OrderedDict()
        self._broken: set[Canvas] = set()
        self._seen: Window | None = None
        self._focus = (0.0, 0.0)
        self._saved: Look | None = None
        self._touched = False
        engine.updated.connect(self._note)
        engine.failed.connect(self._fail)

    @property
    def look(self) -> Look:
        """The active one."""
        return self.looks[self.active]

    def open(
        self, document: Document, *, pasted: bool = False, seen: tuple[Window, tuple[float, float]] | None = None
    ) -> None:
        """Show another picture.

        Args:
            document: the picture.
            pasted: it has no file, so that closing it loses it.
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

    def set_look(self, look: Look) -> None:
        """Give the active slot another look."""
        if look == self.look:
            return
        self.looks[self.active] = look
        self._touched = self._touched or self.document is not None
        self._engine.hold(False)
        self._hand_over()
        self.changed.emit()

    def activate(self, slot: Slot) -> None:
        """Edit and save the other look."""
        self.active = slot
        self._hand_over()
        self.changed.emit()

    def compare(self, comparing: bool) -> None:
        """Show A beside B, or the original beside the active look."""
        self.comparing = comparing
        self._hand_over()
        self.changed.emit()

    def look_at(self, seen: Window | None, focus: tuple[float, float]) -> None:
        """Say what is seen of the picture, so that it is cleaned first."""
        if (seen, focus) != (self._seen, self._focus):
            self._seen, self._focus = seen, focus
            self._hand_over()

    def canvas(self, slot: Slot) -> Canvas | None:
        """Return the canvas of a look; None where it takes nothing, or there is no picture."""
        look = self.looks[slot]
        if self.document is None or look.strength == 0:
            return None
        if look.base not in self._kept:
            self._kept[look.base] = Canvas(self.document.pixels, look.base)
        self._kept.move_to_end(look.base)
        return self._kept[look.base]

    def wanted(self) -> list[Canvas]:
        """Return what is shown, the active one first."""
        other = Slot.B if self.active is Slot.A else Slot.A
        slots = [self.active, other] if self.comparing else [self.active]
        found = [canvas for slot in slots if (canvas := self.canvas(slot)) is not None]
        return list(dict.fromkeys(found))

    @property
    def complete(self) -> bool:
        """Whether the active look's result is there, all of it."""
        canvas = self.canvas(self.active)
        return self.document is not None and (canvas is None or canvas.complete)

    @property
    def share(self) -> float:
        """How much of what is wanted is clean, 0 to 1."""
        wanted = self.wanted()
        return sum(canvas.share for canvas in wanted) / len(wanted) if wanted else 1.0

    @property
    def broken(self) -> bool:
        """Whether the active look can't be had."""
        return self.canvas(self.active) in self._broken

    @property
    def unsaved(self) -> bool:
        """Whether there is work that nobody has saved: settings that were changed, or a result that is complete."""
        canvas = self.canvas(self.active)
        worked = self._touched or (canvas is not None and canvas.complete)
        return self.document is not None and worked and self._saved != self.look

    def note_saved(self, look: Look) -> None:
        """Take note that a look's result is saved."""
        self._saved = look

    def _hand_over(self) -> None:
        wanted = self.wanted()
        for look, canvas in list(self._kept.items()):
            idle = not canvas.done.any()
            room = len(self._kept) <= MOST_KEPT and sum(kept.bytes for kept in self._kept.values()) <= MOST_KEPT_BYTES
            if canvas not in wanted and (idle or not room):
                del self._kept[look]
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
