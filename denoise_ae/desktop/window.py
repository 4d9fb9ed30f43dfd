"""The main window: the large view, the panels beside it, the batch page, and what their buttons do."""

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
from denoise_ae.desktop.picture.clipboard import from_clipboard, local_files
from denoise_ae.desktop.picture.document import Document, open_file
from denoise_ae.desktop.picture.engine import Engine
from denoise_ae.desktop.picture.session import PictureSession, Slot
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.desktop.picture.tiles import Kind, Layer
from denoise_ae.desktop.picture.view import View
from denoise_ae.desktop.results import Results, picture_kinds
from denoise_ae.desktop.save_panel import SavePanel
from denoise_ae.desktop.settings_panel import SettingsPanel, installed_cards
from denoise_ae.errors import DenoiseError
from denoise_ae.modelfiles import catalog
from denoise_ae.system.paths import is_folder


def settings_file() -> Path:
    """Return the file that remembers the window's geometry and the last folder; it need not exist."""
    return catalog.user_folder().parent / "desktop.ini"


class MainWindow(QMainWindow):
    """The whole program.

    Args:
        settings: that A and B begin with.
        device: see `denoise_ae.restoration.denoiser.Denoiser`.
        threads: see `denoise_ae.restoration.denoiser.Denoiser`.

    Attributes:
        session: the open picture and its settings.
        engine: cleans it.
        view: shows it.
        batch: the page with the batch list.

    Raises:
        ModelError: the installed models can't be read.
    """

    def __init__(
        self, settings: PictureSettings | None = None, *, device: str = "auto", threads: int | None = None
    ) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self._device, self._threads = device, threads
        self._store = QSettings(str(settings_file()), QSettings.Format.IniFormat)
        self._background = Background(parent=self)
        self._busy = 0
        self._closing = False
        self.devices: dict[str, str] = {}

        self.engine = Engine(device, threads, self)
        self.session = PictureSession(self.engine, settings, self)
        self.view = View()
        self.view.hint = self.tr(
            "Drop a picture here, or press Ctrl+O.\n\nSeveral pictures or a folder go to the batch."
        )
        self.settings_panel = SettingsPanel(installed_cards())
        self.settings_panel.show_settings(Slot.A, self.session.settings)
        self.saving = SavePanel()
        self._results = Results(
            self,
            self.session,
            status=self,
            options=self.saving.options,
            folder=lambda: self.folder,
            background=self._background,
        )
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
        for title, panel in ((self.tr("Cleaning"), self.settings_panel), (self.tr("Saving"), self.saving)):
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
        self._results.saved.connect(self._note_saved)
        self._results.given_up.connect(self._stay_open)
        self.engine.loaded.connect(self._note_device)
        self.view.seen_changed.connect(self._look_at)
        self.settings_panel.settings_changed.connect(session.set_settings)
        self.settings_panel.slot_chosen.connect(session.activate)
        self.settings_panel.compare_toggled.connect(session.compare)
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
        """The last folder used."""
        return Path(str(self._store.value("folder", str(Path.home()))))

    def _remember(self, folder: Path) -> None:
        self._store.setValue("folder", str(folder))

    def _task(self) -> tuple[Task, str | None]:
        """Return the batch's task, with the active settings and the options for saving, and the results' suffix."""
        chosen, options = self.session.settings, self.saving.options()
        settings = Settings(
            chosen.sigma,
            chosen.strength,
            chosen.luma,
            chosen.chroma,
            chosen.defects,
            quality=options.quality,
            keep_metadata=options.keep_metadata,
            keep_time=options.keep_time,
        )
        return Task(chosen.model, self._device, self._threads, settings=settings), options.suffix

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
        kinds = ";;".join([picture_kinds(), self.tr("All files (*)")])
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Open pictures"), str(self.folder), kinds)
        if names:
            self.open_paths([Path(name) for name in names])

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
        self.begin(self.tr("Opening…"))
        self._background.run(read, self._show_document, self.fail)

    def _show_document(self, document: Document) -> None:
        self.end()
        self.message.hide()
        self._results.forget()
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
        self._results.forget_other_settings()
        self.settings_panel.show_settings(session.active, session.settings)
        self.settings_panel.show_comparing(session.comparing)
        if session.comparing:
            layers = [self._layer(slot, f"{slot}: {self._describe(session.slot_settings[slot])}") for slot in Slot]
        else:
            result = self._layer(session.active, self._describe(session.settings))
            layers = [Layer(Kind.ORIGINAL, title=self.tr("Original")), result]
        self.view.show_layers(layers[0], layers[1])
        name = session.document.name or self.tr("Pasted picture") if session.document else ""
        self.setWindowTitle(f"{name}[*] — denoise-ae" if name else "denoise-ae[*]")
        if not session.broken:
            self.message.hide()
        self._show_progress()

    def _layer(self, slot: Slot, title: str) -> Layer:
        return Layer(Kind.RESULT, self.session.canvas(slot), self.session.slot_settings[slot].mix, title)

    def _describe(self, settings: PictureSettings) -> str:
        level = self.tr("noise estimated") if settings.sigma is None else self.tr("noise {:g}").format(settings.sigma)
        strength = f"{round(100 * settings.strength)} %"
        if settings.apart:
            percent = (round(100 * each) for each in (settings.strengths.luma, settings.strengths.chroma))
            strength = self.tr("luminance {} %, colour {} %").format(*percent)
        return f"{settings.model}, {level}, {strength}"

    def _show_part(self, canvas: Canvas, window: Window) -> None:
        self.view.refresh(canvas, window)
        self._show_progress()

    def _show_progress(self) -> None:
        session = self.session
        canvas = session.canvas(session.active)
        self.settings_panel.show_found(canvas.sigma if canvas else None)
        filled = canvas.base.hot_pixels if canvas and canvas.base and canvas.settings.defects else None
        self.settings_panel.show_hot_pixels(filled)
        working = session.document is not None and session.share < 1 and not session.broken
        self.progress.setVisible(working)
        self.hold.setVisible(working)
        self.hold.setChecked(self.engine.held)
        self.progress.setValue(round(1000 * session.share))
        self.setWindowModified(session.unsaved)
        self._show_state()

    def _show_state(self) -> None:
        session, document = self.session, self.session.document
        if self._busy or self._results.waiting:
            pass  # the label already says what is going on
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
        self._results.save()

    def save_as(self) -> None:
        """Ask for a name, and save."""
        self._results.save_as()

    def copy(self) -> None:
        """Put the result on the clipboard."""
        self._results.copy()

    def _complete(self) -> None:
        self._results.resume()
        self._show_progress()

    def _note_saved(self) -> None:
        self.setWindowModified(self.session.unsaved)
        if self._closing:
            self.close()

    def _stay_open(self) -> None:
        self._closing = False

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
            # Saving continues, and closes the window when it is done.
            self._closing = self._results.waiting or self._busy > 0
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

    def begin(self, text: str) -> None:
        """Show that background work has begun."""
        self._busy += 1
        self.state_label.setText(text)

    def end(self, text: str = "") -> None:
        """Show that it is done."""
        self._busy -= 1
        self._show_state()
        if text:
            self.state_label.setText(text)

    def fail(self, error: DenoiseError) -> None:
        """Show that it has failed."""
        self._closing = False
        self.end()
        self.message.show_error(error)

    def wait_for_result(self, text: str) -> None:
        """Show that work waits for the result, and resume cleaning if it is paused."""
        self.state_label.setText(text)
        self.hold.setChecked(False)
        self.engine.hold(False)
