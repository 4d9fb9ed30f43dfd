"""The thread of a batch: a `Supervisor` runs it in a worker process, which may crash or be ended."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition

from PySide6.QtCore import QObject, QThread, Signal

from denoise_ae.batch.jobs import Job
from denoise_ae.batch.supervisor import Supervisor
from denoise_ae.batch.tasks import Task
from denoise_ae.desktop.background import in_words


class BatchRun(QThread):
    """Cleans pictures one after another, and can be paused between them.

    Args:
        task: how to clean them.
        jobs: the pictures.
        parent: owner, as Qt has it.
    """

    reported = Signal(object)
    """An `Event` of the batch."""
    broken = Signal(object)
    """The DenoiseError that ended the batch, for example because the model can't be loaded."""

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
        """Whether the next picture waits."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Pause before the next picture, or continue."""
        with self._change:
            self._paused = paused
            self._change.notify_all()

    def cancel(self) -> None:
        """End the work at once; the current picture leaves nothing behind."""
        with self._change:
            self._cancelled = True
            if self._supervisor:
                self._supervisor.cancel()
            self._change.notify_all()

    def run(self) -> None:
        """Run in the thread."""
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
                        self.reported.emit(event)
        except BaseException as error:  # the window must survive anything
            if not self._cancelled:
                self.broken.emit(in_words(error))
        finally:
            self._supervisor = None
