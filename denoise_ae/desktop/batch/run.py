"""The thread of a batch: a `Supervisor` does the work in a process of its own, which may crash and be ended."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition

from PySide6.QtCore import QObject, QThread, Signal

from denoise_ae.batch.jobs import Job
from denoise_ae.batch.supervisor import Supervisor
from denoise_ae.batch.tasks import Task
from denoise_ae.desktop.background import in_words


class BatchRun(QThread):
    """Cleans pictures one after another, and can be paused between two of them.

    Args:
        task: how.
        jobs: which.
        parent: that owns it.
    """

    told = Signal(object)
    """An `Event` of the batch."""
    broken = Signal(object)
    """The DenoiseError that ended all of it: the model can't be loaded, say."""

    def __init__(self, task: Task, jobs: Sequence[Job], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task = task
        self._jobs = jobs
        self._change = Condition()
        self._paused = False
        self._cancelled = False
        self._supervisor: Supervisor | None = None

    @property
    def paused(self) -> bool:
        """Whether no further picture is begun."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Begin no further picture, or go on."""
        with self._change:
            self._paused = paused
            self._change.notify_all()

    def cancel(self) -> None:
        """End the work at once; the picture at hand leaves nothing behind."""
        with self._change:
            self._cancelled = True
            if self._supervisor:
                self._supervisor.cancel()
            self._change.notify_all()

    def run(self) -> None:
        """Be the thread."""
        try:
            with Supervisor(self._task) as supervisor:
                with self._change:
                    self._supervisor = supervisor
                for job in self._jobs:
                    with self._change:
                        self._change.wait_for(lambda: self._cancelled or not self._paused)
                        if self._cancelled:
                            return
                    for event in supervisor.run([job]):
                        self.told.emit(event)
        except BaseException as error:  # whatever it is, the window stays
            if not self._cancelled:
                self.broken.emit(in_words(error))
        finally:
            self._supervisor = None
