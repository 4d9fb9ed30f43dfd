"""The window: the large view, the panels beside it, the batch page, and what their buttons do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMessageBox,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from denoise_ae.batch.tasks import Settings, Task
from denoise_ae.desktop.actions import Actions
from denoise_ae.desktop.background import Background
from denoise_ae.desktop.batch.panel import BatchPanel
from denoise_ae.desktop.message_bar import MessageBar
from denoise_ae.desktop.picture.canvas import Canvas, Window
from denoise_ae.desktop.picture.clipboard import from_clipboard, local_files, to_clipboard
from denoise_ae.desktop.picture.document import Document, open_file
from denoise_ae.desktop.picture.engine import Engine
from denoise_ae.desktop.picture.save import is_own_file, proposed_name, save
from denoise_ae.desktop.picture.session import Session, Slot
from denoise_ae.desktop.picture.settings import Look
from denoise_ae.desktop.picture.tiles import Kind, Layer
from denoise_ae.desktop.picture.view import View
from denoise_ae.desktop.save_panel import SavePanel
from denoise_ae.desktop.settings_panel import LookPanel, installed_cards
from denoise_ae.errors import DenoiseError
from denoise_ae.imagefiles.formats import is_written_name, writable_suffixes
from denoise_ae.modelfiles import catalog
from denoise_ae.system.paths import is_folder


def settings_file() -> Path:
    """Return where the window's place and the last folder are remembered; the file need not exist."""
    return catalog.user_folder().parent / "desktop.ini"


class MainWindow(QMainWindow):
    """The whole program.

    Args:
        look: what A and B begin with.
        device: see `Denoiser`.
        threads: see `Denoiser`.

    Attributes:
        session: the open picture and its looks.
        engine: that cleans it.
        view: that shows it.
        batch: the page with the batch list.

    Raises:
        ModelError: the installed models can't be read.
    """

    def __init__(self, look: Look | None = None, *, device: str = "auto", threads: int | None = None) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self._device, self._threads = device, threads
        self._store = QSettings(str(settings_file()), QSettings.Format.IniFormat)
        self._background = Background(parent=self)
        self._pending: tuple[Look, Callable[[], None]] | None = None
        self._busy = 0
        self._output: tuple[Document, Path] | None = None
        self._closing = False
        self.devices: dict[str, str] = {}

        self.engine = Engine(device, threads, self)
        self.session = Session(self.engine, look, self)
        self.view = View()
        self.view.hint = self.tr(
            "Drop a picture here, or press Ctrl+O.\n\nSeveral pictures or a folder go to the batch."
        )
        self.looks = LookPanel(installed_cards())
        self.looks.show_look(Slot.A, self.session.look)
        self.saving = SavePanel()
        self.batch = BatchPanel(self._task, lambda: self.folder)
        self.message = MessageBar()
        self.pages = QStackedWidget()
        self._build()
        self.actions_ = Actions(self, self)
        self._connect()
        self._restore()
        self._show_session()
        self.engine.start()

    # Putting it together

    def _build(self) -> None:
        self.pages.addWidget(self.view)
        self.pages.addWidget(self.batch)
        side = QWidget()
        column = QVBoxLayout(side)
        for title, panel in ((self.tr("Cleaning"), self.looks), (self.tr("Saving"), self.saving)):
            group = QGroupBox(title)
            QVBoxLayout(group).addWidget(panel)
            column.addWidget(group)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(side)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(310)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        centre = QWidget()
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.message)
        left.addWidget(self.pages, 1)
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(left, 1)
        row.addWidget(scroll)
        self.setCentralWidget(centre)

        self.size_label, self.zoom_label, self.state_label = QLabel(), QLabel(), QLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setFixedWidth(150)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("How much of the picture is clean"))
        self.hold = QToolButton()
        self.hold.setCheckable(True)
        self.hold.setText(self.tr("Stop"))
        self.hold.setAccessibleName(self.tr("Stop cleaning"))
        bar = self.statusBar()
        bar.addWidget(self.state_label, 1)
        for widget in (self.progress, self.hold, self.size_label, self.zoom_label):
            bar.addPermanentWidget(widget)

    def _connect(self) -> None:
        session = self.session
        session.changed.connect(self._show_session)
        session.updated.connect(self._show_part)
        session.completed.connect(self._complete)
        session.failed.connect(self.message.show_error)
        self.engine.loaded.connect(self._note_device)
        self.view.seen_changed.connect(self._look_at)
        self.looks.look_changed.connect(session.set_look)
        self.looks.slot_chosen.connect(session.activate)
        self.looks.compare_toggled.connect(session.compare)
        self.saving.save_asked.connect(self.save_as)
        self.hold.toggled.connect(self._hold)
        self.batch.failed.connect(self.message.show_error)
        self.batch.folder_used.connect(self._remember)
        self.batch.opened.connect(lambda path: self.open_paths([path]))

    def _restore(self) -> None:
        self.resize(1280, 860)
        geometry = self._store.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)

    @property
    def folder(self) -> Path:
        """The folder that was used last."""
        return Path(str(self._store.value("folder", str(Path.home()))))

    def _remember(self, folder: Path) -> None:
        self._store.setValue("folder", str(folder))

    def _task(self) -> tuple[Task, str | None]:
        """Return what the batch is to do: with the active look and the options for saving."""
        look, options = self.session.look, self.saving.options()
        settings = Settings(look.sigma, look.strength, options.quality, options.keep_metadata, options.keep_time)
        return Task(look.model, self._device, self._threads, settings=settings), options.suffix

    # Opening

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open one picture in the view, or put several and folders into the batch list."""
        if len(paths) > 1 or any(map(is_folder, paths)):
            self._remember(paths[0].absolute() if is_folder(paths[0]) else paths[0].absolute().parent)
            self.batch.add(paths)
            self.show_page(self.batch)
        elif paths and self.may_leave():
            self._remember(paths[0].absolute().parent)
            self._open(partial(open_file, paths[0].absolute()))

    def ask_open(self) -> None:
        """Let the user choose pictures to open."""
        kinds = ";;".join([self._picture_kinds(), self.tr("All files (*)")])
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Open pictures"), str(self.folder), kinds)
        if names:
            self.open_paths([Path(name) for name in names])

    def _picture_kinds(self) -> str:
        return self.tr("Pictures ({})").format(" ".join(f"*{suffix}" for suffix in writable_suffixes()))

    def paste(self) -> None:
        """Open what is on the clipboard: a picture, or files that were copied."""
        data = QGuiApplication.clipboard().mimeData()
        files = local_files(data)
        if files:
            self.open_paths(files)
            return
        image = QGuiApplication.clipboard().image()
        if image.isNull():
            self.message.show_error(DenoiseError(self.tr("There is no picture on the clipboard")))
        elif self.may_leave():
            self._open(partial(from_clipboard, image, self.tr("The pasted picture")))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped; on the batch page everything goes into the list."""
        files = local_files(event.mimeData())
        event.acceptProposedAction()
        if files and self.pages.currentWidget() is self.batch:
            self.batch.add(files)
        else:
            self.open_paths(files)

    def _open(self, read: Callable[[], Document]) -> None:
        self._begin(self.tr("Opening…"))
        self._background.run(read, self._show_document, self._fail)

    def _show_document(self, document: Document) -> None:
        self._end()
        self.message.hide()
        self._pending = None
        self.view.show_document(document)
        self.session.open(document, pasted=document.source is None, seen=self.view.seen())
        self.show_page(self.view)
        self._look_at()
        self.view.setFocus()

    # Showing

    def show_page(self, page: QWidget) -> None:
        """Show the picture or the batch list."""
        self.pages.setCurrentWidget(page)
        self.actions_.show_state()

    def _show_session(self) -> None:
        session = self.session
        if self._pending and self._pending[0] != session.look:
            self._pending = None
            self._closing = False
        self.looks.show_look(session.active, session.look)
        self.looks.show_comparing(session.comparing)
        if session.comparing:
            layers = [self._layer(slot, f"{slot}: {self._describe(session.looks[slot])}") for slot in Slot]
        else:
            result = self._layer(session.active, self._describe(session.look))
            layers = [Layer(Kind.ORIGINAL, title=self.tr("Original")), result]
        self.view.show_layers(layers[0], layers[1])
        name = session.document.name or self.tr("Pasted picture") if session.document else ""
        self.setWindowTitle(f"{name}[*] — denoise-ae" if name else "denoise-ae[*]")
        if not session.broken:
            self.message.hide()
        self._show_progress()

    def _layer(self, slot: Slot, title: str) -> Layer:
        return Layer(Kind.RESULT, self.session.canvas(slot), self.session.looks[slot].mix, title)

    def _describe(self, look: Look) -> str:
        level = self.tr("noise estimated") if look.sigma is None else self.tr("noise {:g}").format(look.sigma)
        return f"{look.model}, {level}, {round(100 * look.strength)} %"

    def _show_part(self, canvas: Canvas, window: Window) -> None:
        self.view.refresh(canvas, window)
        self._show_progress()

    def _show_progress(self) -> None:
        session = self.session
        canvas = session.canvas(session.active)
        self.looks.show_found(canvas.sigma if canvas else None)
        working = session.document is not None and session.share < 1 and not session.broken
        self.progress.setVisible(working)
        self.hold.setVisible(working)
        self.hold.setChecked(self.engine.held)
        self.progress.setValue(round(1000 * session.share))
        self.setWindowModified(session.unsaved)
        self._show_state()

    def _show_state(self) -> None:
        session, document = self.session, self.session.document
        if self._busy or self._pending:
            pass  # says already what is done
        elif document is None:
            self.state_label.setText("")
        elif session.broken:
            self.state_label.setText(self.tr("These settings can't be shown"))
        elif session.share < 1:
            held = self.engine.held
            self.state_label.setText(self.tr("Stopped") if held else self.tr("Cleaning; what you see comes first"))
        else:
            self.state_label.setText(self.tr("Clean"))
        if document:
            width, height = document.upright_size
            self.size_label.setText(f"{width} x {height}")
            self.zoom_label.setText(f"{100 * self.view.viewport.zoom:.0f} %")
        self.actions_.show_state()

    def _look_at(self) -> None:
        seen = self.view.seen()
        if seen:
            self.session.look_at(*seen)
        self._show_state()

    def _hold(self, held: bool) -> None:
        self.engine.hold(held)
        self.hold.setText(self.tr("Go on") if held else self.tr("Stop"))
        self._show_state()

    def _note_device(self, model: str, device: str) -> None:
        self.devices[model] = device

    # Saving and copying

    def save(self) -> None:
        """Save where this picture was saved before, or ask."""
        if self._output and self._output[0] is self.session.document:
            self._save_to(self._output[1])
        else:
            self.save_as()

    def save_as(self) -> None:
        """Ask for a name, and save."""
        document = self.session.document
        if document is None:
            return
        options = self.saving.options()
        proposed = proposed_name(document, options, self.folder)
        kinds = self._picture_kinds()
        # We ask ourselves, so that it is asked once and of the name that is really written.
        asking = QFileDialog.Option.DontConfirmOverwrite
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Save the result"), str(proposed), kinds, options=asking)
        if not name:
            self._closing = False
            return
        output = Path(name)
        if not is_written_name(output):
            output = output.with_name(output.name + proposed.suffix)
        if not output.exists() or self._may_replace(document, output):
            self._save_to(output)
        else:
            self._closing = False

    def _may_replace(self, document: Document, output: Path) -> bool:
        own = is_own_file(document, output)
        question = self.tr("{} is the noisy original. Replace it by the result?") if own else self.tr("Replace {}?")
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No
        answer = QMessageBox.question(
            self, self.tr("The file exists"), question.format(output.name), buttons, QMessageBox.StandardButton.No
        )
        return answer == QMessageBox.StandardButton.Yes

    def _save_to(self, output: Path) -> None:
        document, options, look = self.session.document, self.saving.options(), self.session.look
        if document is None:
            return

        def work() -> None:
            self._begin(self.tr("Saving…"))
            canvas = self.session.canvas(self.session.active)
            self._background.run(
                partial(save, document, canvas, look.mix, output, options), partial(done, look), self._fail
            )

        def done(saved: Look, path: Path) -> None:
            self._end()
            if self.session.document is document:
                self._output = document, path
                self.session.note_saved(saved)
            self.state_label.setText(self.tr("Saved as {}").format(path))
            self.setWindowModified(self.session.unsaved)
            if self._closing:
                self.close()

        self._when_complete(work, self.tr("Saves as soon as the picture is clean…"))

    def copy(self) -> None:
        """Put the result on the clipboard."""
        document, look = self.session.document, self.session.look
        if document is None:
            return

        def work() -> None:
            canvas = self.session.canvas(self.session.active)
            self._begin(self.tr("Copying…"))
            self._background.run(partial(to_clipboard, document, canvas, look.mix), done, self._fail)

        def done(image: object) -> None:
            self._end()
            QGuiApplication.clipboard().setImage(image)  # type: ignore[call-overload]
            self.state_label.setText(self.tr("The result is on the clipboard"))

        self._when_complete(work, self.tr("Copies as soon as the picture is clean…"))

    def _when_complete(self, work: Callable[[], None], text: str) -> None:
        """Do something with the whole result, as soon as there is one."""
        if self.session.broken:
            self._closing = False
            return
        if self.session.complete:
            work()
            return
        self._pending = self.session.look, work
        self.state_label.setText(text)
        self.hold.setChecked(False)
        self.engine.hold(False)

    def _complete(self) -> None:
        if self._pending and self.session.complete:
            (_, work), self._pending = self._pending, None
            work()
        self._show_progress()

    # Leaving

    def may_leave(self) -> bool:
        """Ask what to do with unsaved work; False: the user wants to stay, or to save first."""
        if not self.session.unsaved:
            return True
        buttons = QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Discard
        answer = QMessageBox.warning(
            self,
            self.tr("Unsaved work"),
            self.tr("The result of {} is not saved.").format(
                self.session.document.name if self.session.document and self.session.document.name else "…"
            ),
            buttons | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Save,
        )
        if answer == QMessageBox.StandardButton.Save:
            self.save()
        return answer == QMessageBox.StandardButton.Discard

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved work and a running batch; then end all threads."""
        self._closing = True
        if self.batch.running and not self._may_stop_batch():
            self._closing = False
            event.ignore()
            return
        if not self.may_leave():
            # Saving goes on, and closes the window when it is done.
            self._closing = self._pending is not None or self._busy > 0
            event.ignore()
            return
        self._store.setValue("geometry", self.saveGeometry())
        self._store.sync()
        self.batch.shut()
        self.engine.stop()
        self._background.wait()
        event.accept()

    def _may_stop_batch(self) -> bool:
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No
        answer = QMessageBox.question(
            self, self.tr("The batch is running"), self.tr("Stop the batch and close?"), buttons
        )
        return answer == QMessageBox.StandardButton.Yes

    # Work beside the window

    def _begin(self, text: str) -> None:
        self._busy += 1
        self.state_label.setText(text)

    def _end(self) -> None:
        self._busy -= 1
        self._show_state()

    def _fail(self, error: DenoiseError) -> None:
        self._closing = False
        self._end()
        self.message.show_error(error)
