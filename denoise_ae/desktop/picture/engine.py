"""The thread that runs the network: on what is visible first, then on the rest, and on nothing that is out of date."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition
from weakref import WeakSet

from PySide6.QtCore import QObject, QThread, Signal

from denoise_ae.batch.cleaning import estimate_levels
from denoise_ae.desktop.background import in_words
from denoise_ae.desktop.picture.canvas import Canvas, Window
from denoise_ae.desktop.picture.document import Document
from denoise_ae.desktop.picture.preview import LEAST, MOST, preview
from denoise_ae.errors import Interrupted
from denoise_ae.modelfiles.runtime import Interrupt
from denoise_ae.restoration.denoiser import Denoiser


class Engine(QThread):
    """Cleans canvases part by part.

    Args:
        device: see `denoise_ae.restoration.denoiser.Denoiser`.
        threads: see `denoise_ae.restoration.denoiser.Denoiser`.
        parent: owner, as Qt has it.
    """

    updated = Signal(object, object)
    """A canvas, and its window that is now clean or previewed."""
    failed = Signal(object, object)
    """A canvas that can't be cleaned, and the DenoiseError that says why."""
    loaded = Signal(str, str)
    """A model's name, and the device that it runs on."""

    def __init__(self, device: str = "auto", threads: int | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._device = device
        self._threads = threads
        self._change = Condition()
        self._document: Document | None = None
        self._canvases: list[Canvas] = []
        self._seen: Window | None = None
        self._focus = (0.0, 0.0)
        self._held = False
        self._stopping = False
        self._at_work: tuple[Canvas, Window, Interrupt] | None = None
        self._denoisers: dict[str, Denoiser] = {}
        self._blind: WeakSet[Canvas] = WeakSet()
        """Canvases that can't be previewed."""

    def want(
        self,
        document: Document | None,
        canvases: Sequence[Canvas],
        seen: Window | None = None,
        focus: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Set what to clean from now on; work on anything else is interrupted.

        Args:
            document: the picture.
            canvases: of it, the most important first.
            seen: rows and columns of its visible part, which is cleaned first; None: nothing is visible.
            focus: row and column of the focus.
        """
        with self._change:
            fresh = [canvas for canvas in canvases if canvas not in self._canvases]
            self._document, self._canvases, self._seen, self._focus = document, list(canvases), seen, focus
            waiting = [canvas for canvas in canvases if seen is not None and not canvas.is_done(seen)]
            for canvas in fresh:
                canvas.restart_growth()
            if self._at_work:
                canvas, window, interrupt = self._at_work
                if canvas not in self._canvases or (
                    waiting and not (canvas is waiting[0] and seen is not None and _touch(window, seen))
                ):
                    interrupt.set()
                    for other in waiting:
                        other.restart_growth()
            self._change.notify()

    def hold(self, held: bool) -> None:
        """Pause the work, or continue."""
        with self._change:
            self._held = held
            if held and self._at_work:
                self._at_work[2].set()
            self._change.notify()

    @property
    def held(self) -> bool:
        """Whether the work is paused."""
        return self._held

    def stop(self) -> None:
        """End the thread, and wait for it."""
        with self._change:
            self._stopping = True
            if self._at_work:
                self._at_work[2].set()
            self._change.notify()
        self.wait()

    def run(self) -> None:
        """Run in the thread."""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._stopping or self._choose() is not None)
                chosen = None if self._stopping else self._choose()
                document = self._document
                if chosen is None or document is None:
                    return
                early = chosen.next_preview(self._seen, LEAST, MOST) if chosen not in self._blind else None
                window = early or chosen.next_window(self._seen, self._focus)
                if window is None:
                    continue
                interrupt = Interrupt()
                self._at_work = chosen, window, interrupt
            try:
                (self._preview if early else self._clean)(document, chosen, window, interrupt)
            except Interrupted:
                pass
            except BaseException as error:  # the thread must survive it; the window shows it
                with self._change:
                    self._canvases = [canvas for canvas in self._canvases if canvas is not chosen]
                self.failed.emit(chosen, in_words(error))
            finally:
                self._at_work = None

    def _choose(self) -> Canvas | None:
        if self._held or self._document is None:
            return None
        unfinished = [canvas for canvas in self._canvases if not canvas.complete]
        seen = self._seen
        return next(
            (canvas for canvas in unfinished if seen is not None and not canvas.is_done(seen)),
            next(iter(unfinished), None),
        )

    def _preview(self, document: Document, canvas: Canvas, window: Window, interrupt: Interrupt) -> None:
        denoiser = self._load(canvas.settings.model)
        sigma = self._level(document, canvas, denoiser)
        # Looking for hot pixels would take longer than the preview.
        base = canvas.base or document.stored
        taken = preview(base, denoiser, window, sigma, canvas.settings.strengths, interrupt=interrupt)
        if taken is None:
            self._blind.add(canvas)
            return
        canvas.put_preview(window, taken)
        self.updated.emit(canvas, window)

    def _level(self, document: Document, canvas: Canvas, denoiser: Denoiser) -> float | None:
        """Return the noise level to give to the model; None: it takes none, or estimates it itself."""
        sigma = canvas.settings.sigma
        if sigma is None and not denoiser.card.estimates_sigma:
            if document.sigma is None:
                (document.sigma,) = estimate_levels(document.picture, denoiser)
            canvas.sigma = document.sigma
            if denoiser.card.takes_sigma:
                sigma = document.sigma
        return sigma

    def _clean(self, document: Document, canvas: Canvas, window: Window, interrupt: Interrupt) -> None:
        denoiser = self._load(canvas.settings.model)
        sigma = self._level(document, canvas, denoiser)
        if canvas.base is None:
            fills = canvas.settings.defects and denoiser.card.takes_sigma
            canvas.base = document.find_hot_pixels() if fills else document.stored
        strengths = canvas.settings.strengths
        residual = denoiser.residual(
            canvas.base.masked, window, sigma, luma=strengths.luma, chroma=strengths.chroma, interrupt=interrupt
        )
        canvas.put(window, residual)
        self.updated.emit(canvas, window)

    def _load(self, model: str) -> Denoiser:
        if model not in self._denoisers:
            denoiser = self._denoisers[model] = Denoiser(model, device=self._device, threads=self._threads)
            self.loaded.emit(denoiser.card.name, denoiser.device)
        return self._denoisers[model]


def _touch(one: Window, other: Window) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))
