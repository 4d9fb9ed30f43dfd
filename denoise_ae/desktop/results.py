"""Save and copy results, as soon as they are complete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from denoise_ae.desktop.background import Background
from denoise_ae.desktop.picture.clipboard import to_clipboard
from denoise_ae.desktop.picture.document import Document
from denoise_ae.desktop.picture.save import SaveOptions, is_own_file, proposed_name, save
from denoise_ae.desktop.picture.session import PictureSession
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.errors import DenoiseError
from denoise_ae.imagefiles.formats import is_written_name, writable_suffixes


class Status(Protocol):
    """Shows what is going on."""

    def begin(self, text: str) -> None:
        """Show that background work has begun."""

    def end(self, text: str = "") -> None:
        """Show that it is done."""

    def fail(self, error: DenoiseError) -> None:
        """Show that it has failed."""

    def wait_for_result(self, text: str) -> None:
        """Show that work waits for the result, and resume cleaning if it is paused."""


class Results(QObject):
    """Saves and copies the result of the open picture with the active settings.

    Args:
        window: parent of the dialogs.
        session: the open picture and its settings.
        status: shows what is going on.
        options: returns the options for saving.
        folder: returns the folder that dialogs begin in.
        background: does the work.
    """

    saved = Signal()
    given_up = Signal()
    """Nothing will be saved: the user has cancelled or changed the settings, or the settings don't work."""

    def __init__(
        self,
        window: QWidget,
        session: PictureSession,
        *,
        status: Status,
        options: Callable[[], SaveOptions],
        folder: Callable[[], Path],
        background: Background,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._status = window, session, status
        self._options, self._folder, self._background = options, folder, background
        self._pending: tuple[PictureSettings, Callable[[], None]] | None = None
        self._output: tuple[Document, Path] | None = None

    @property
    def waiting(self) -> bool:
        """Whether work waits for the result to be complete."""
        return self._pending is not None

    def forget(self) -> None:
        """Drop work that waits."""
        self._pending = None

    def forget_other_settings(self) -> None:
        """Drop work that waits for the result of settings that are no longer active."""
        if self._pending and self._pending[0] != self._session.settings:
            self._pending = None
            self.given_up.emit()

    def resume(self) -> None:
        """Do the work that waits, if the result is complete."""
        if self._pending and self._session.complete:
            (_, work), self._pending = self._pending, None
            work()

    def save(self) -> None:
        """Save where this picture was saved before, or ask."""
        if self._output and self._output[0] is self._session.document:
            self._save_to(self._output[1])
        else:
            self.save_as()

    def save_as(self) -> None:
        """Ask for a name, and save."""
        document = self._session.document
        if document is None:
            return
        proposed = proposed_name(document, self._options(), self._folder())
        # We ask, so that the question comes once and is about the name that is really written.
        asking = QFileDialog.Option.DontConfirmOverwrite
        title = self.tr("Save the result")
        name, _ = QFileDialog.getSaveFileName(self._window, title, str(proposed), picture_kinds(), options=asking)
        if not name:
            self.given_up.emit()
            return
        output = Path(name)
        if not is_written_name(output):
            output = output.with_name(output.name + proposed.suffix)
        if not output.exists() or self._may_replace(document, output):
            self._save_to(output)
        else:
            self.given_up.emit()

    def _may_replace(self, document: Document, output: Path) -> bool:
        own = is_own_file(document, output)
        question = self.tr("{} is the noisy original. Replace it by the result?") if own else self.tr("Replace {}?")
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No
        title, text = self.tr("The file exists"), question.format(output.name)
        answer = QMessageBox.question(self._window, title, text, buttons, QMessageBox.StandardButton.No)
        return answer == QMessageBox.StandardButton.Yes

    def _save_to(self, output: Path) -> None:
        document, options, settings = self._session.document, self._options(), self._session.settings
        if document is None:
            return

        def work() -> None:
            self._status.begin(self.tr("Saving…"))
            canvas = self._session.canvas(self._session.active)
            self._background.run(
                partial(save, document, canvas, settings.mix, output, options), done, self._status.fail
            )

        def done(path: Path) -> None:
            if self._session.document is document:
                self._output = document, path
                self._session.note_saved(settings)
            self._status.end(self.tr("Saved as {}").format(path))
            self.saved.emit()

        self._when_complete(work, self.tr("Saves as soon as the picture is clean…"))

    def copy(self) -> None:
        """Put the result on the clipboard."""
        document, settings = self._session.document, self._session.settings
        if document is None:
            return

        def work() -> None:
            self._status.begin(self.tr("Copying…"))
            canvas = self._session.canvas(self._session.active)
            self._background.run(partial(to_clipboard, document, canvas, settings.mix), done, self._status.fail)

        def done(image: object) -> None:
            QGuiApplication.clipboard().setImage(image)  # type: ignore[call-overload]
            self._status.end(self.tr("The result is on the clipboard"))

        self._when_complete(work, self.tr("Copies as soon as the picture is clean…"))

    def _when_complete(self, work: Callable[[], None], text: str) -> None:
        """Do work on the whole result, as soon as it is complete."""
        if self._session.broken:
            self.given_up.emit()
        elif self._session.complete:
            work()
        else:
            self._pending = self._session.settings, work
            self._status.wait_for_result(text)


def picture_kinds() -> str:
    """Return the filter of file dialogs for pictures."""
    return QCoreApplication.translate("Results", "Pictures ({})").format(
        " ".join(f"*{suffix}" for suffix in writable_suffixes())
    )
