"""Background work: it runs in other threads, and its results arrive in the window's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QRunnable, Qt, QThreadPool, Signal

from denoise_ae.errors import DenoiseError

T = TypeVar("T")


def in_words(error: BaseException) -> DenoiseError:
    """Turn any exception into an error with a message for people."""
    translate = QCoreApplication.translate
    if isinstance(error, DenoiseError):
        return error
    if isinstance(error, MemoryError):
        return DenoiseError(
            translate("Background", "There is not enough memory for this"),
            translate("Background", "close other programs, or take a smaller picture"),
        )
    return DenoiseError(f"{type(error).__name__}: {error}", translate("Background", "this is a fault of denoise-ae"))


def advice(error: DenoiseError) -> str:
    """Return an error's hint, unless it is about the command line."""
    return "" if "--" in error.hint or " -o" in error.hint else error.hint


class Background(QObject):
    """Runs functions in a few threads, and delivers their results in the thread it was made in.

    Args:
        threads: number of threads.
        parent: owner, as Qt has it.
    """

    _came = Signal(object, object)

    def __init__(self, threads: int = 2, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._came.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[DenoiseError], None]) -> None:
        """Call `work` in another thread, and then `done` with its result, or `failed`, in this one."""

        def call() -> None:
            try:
                result = work()
            except BaseException as error:  # the window must survive anything
                self._came.emit(failed, in_words(error))
            else:
                self._came.emit(done, result)

        self._pool.start(QRunnable.create(call))

    def wait(self) -> None:
        """Drop work not yet begun, and wait for the rest."""
        self._pool.clear()
        self._pool.waitForDone()

    def _hand_over(self, function: Callable[[Any], None], value: object) -> None:
        function(value)
