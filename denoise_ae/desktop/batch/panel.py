"""The page with the batch list: add files and folders, start, pause, cancel, try again, open the results' folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from denoise_ae.batch.jobs import Event, Existing
from denoise_ae.batch.planning import Plan, plan
from denoise_ae.batch.tasks import Task
from denoise_ae.desktop.background import Background
from denoise_ae.desktop.batch.model import BatchModel, Row, State
from denoise_ae.desktop.batch.run import BatchRun
from denoise_ae.desktop.picture.clipboard import THUMBNAIL, thumbnail
from denoise_ae.errors import DenoiseError


class BatchPanel(QWidget):
    """Cleans many pictures with the settings of the window.

    Args:
        make_task: returns the task, and the suffix of the results (None: as the pictures').
        start_folder: returns the folder that file dialogs begin in.
        parent: owner, as Qt has it.
    """

    failed = Signal(object)
    """A DenoiseError that no row can show."""
    running_changed = Signal(bool)
    opened = Signal(object)
    """Path of a picture to show in the large view."""
    folder_used = Signal(object)
    """Path of a folder from which pictures were added."""

    def __init__(
        self,
        make_task: Callable[[], tuple[Task, str | None]],
        start_folder: Callable[[], Path] = Path.home,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_task = make_task
        self._start_folder = start_folder
        self._inputs: list[Path] = []
        self._run: BatchRun | None = None
        self._begin = 0.0
        self._background = Background(threads=1, parent=self)
        self.model = BatchModel(self)

        self._make_table()
        self._make_controls()
        self._lay_out()
        self._connect()
        self._show_state()

    def _make_table(self) -> None:
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Pictures to clean"))
        self.table.setIconSize(THUMBNAIL)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().setDefaultSectionSize(THUMBNAIL.height() + 10)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(0, 300)
        for column in (2, 3):
            header.resizeSection(column, 80)
        self.table.activated.connect(lambda index: self.opened.emit(self.model.rows[index.row()].source))

    def _make_controls(self) -> None:
        self.add_files = QPushButton(self.tr("Add pictures…"))
        self.add_folder = QPushButton(self.tr("Add folder…"))
        self.clear = QPushButton(self.tr("Empty the list"))
        self.start = QPushButton(self.tr("Start"))
        self.pause = QPushButton(self.tr("Pause"))
        self.pause.setCheckable(True)
        self.pause.setToolTip(self.tr("Pauses when the picture at hand is done"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.retry = QPushButton(self.tr("Retry failed"))
        self.show_folder = QPushButton(self.tr("Open results' folder"))
        self.folder = QLineEdit()
        self.folder.setPlaceholderText(self.tr("beside each picture, as NAME-clean"))
        self.folder.setAccessibleName(self.tr("Folder for the results"))
        self.folder.setClearButtonEnabled(True)
        self.choose = QToolButton()
        self.choose.setText("…")
        self.choose.setAccessibleName(self.tr("Choose the folder for the results"))
        self.existing = QComboBox()
        self.existing.setAccessibleName(self.tr("Results that exist"))
        self.existing.addItem(self.tr("Skip what is done already"), Existing.SKIP)
        self.existing.addItem(self.tr("Replace older results"), Existing.REPLACE)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress of the batch"))
        self.summary = QLabel()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addLayout(_row(self.add_files, self.add_folder, self.clear, None, self.show_folder))
        layout.addWidget(self.table, 1)
        label = QLabel(self.tr("&Results go"))
        label.setBuddy(self.folder)
        layout.addLayout(_row(label, self.folder, self.choose, self.existing))
        layout.addLayout(_row(self.progress, self.start, self.pause, self.cancel, self.retry))
        layout.addWidget(self.summary)

    def _connect(self) -> None:
        self.add_files.clicked.connect(self._ask_files)
        self.add_folder.clicked.connect(self._ask_folder)
        self.clear.clicked.connect(self.empty)
        self.choose.clicked.connect(self._ask_output)
        self.start.clicked.connect(self.begin)
        self.pause.toggled.connect(self._pause)
        self.cancel.clicked.connect(self.stop)
        self.retry.clicked.connect(self._retry)
        self.show_folder.clicked.connect(self.open_folder)

    @property
    def running(self) -> bool:
        """Whether pictures are being cleaned."""
        return self._run is not None

    # The list

    def add(self, paths: Sequence[Path]) -> None:
        """Add files, and folders with all their subfolders, to the list."""
        paths = [path.absolute() for path in paths]
        self._inputs += [path for path in paths if path not in self._inputs]
        self._background.run(partial(_look_through, paths), self._list, self.failed.emit)

    def empty(self) -> None:
        """Remove all pictures from the list."""
        self._inputs.clear()
        self.model.clear()
        self._show_state()

    def _list(self, found: Plan) -> None:
        fresh = self.model.add(job.source for job in found.jobs if job.source)
        for event in found.rejected:
            if self.model.row_of(event.job.source) is None:
                fresh += self.model.add([event.job.source] if event.job.source else [])
                self.model.note(event)
        for row in fresh:
            source = row.source
            self._background.run(
                partial(thumbnail, source), partial(self.model.set_thumbnail, source), lambda _error: None
            )
        self._show_state()

    # The work

    def begin(self) -> None:
        """Clean the waiting pictures."""
        if self._run or not self._inputs:
            return
        task, suffix = self._make_task()
        output = self.folder.text().strip()
        try:
            work = plan(
                self._inputs,
                f"{Path(output)}/" if output else None,
                recursive=True,
                file_format=suffix.removeprefix(".") if suffix else None,
                existing=Existing(self.existing.currentData()),  # Qt returns it as a plain string
            )
        except DenoiseError as error:
            self.failed.emit(error)
            return
        for event in work.rejected:
            if self.model.wanted(event.job):
                self.model.note(event)
        jobs = [job for job in work.jobs if self.model.wanted(job)]
        self._show_state()
        if not jobs:
            return
        self._begin = time.monotonic()
        run = self._run = BatchRun(task, jobs, self)
        run.reported.connect(self._note)
        run.broken.connect(self.failed)
        run.finished.connect(partial(self._end, run))
        run.start()
        self.running_changed.emit(True)
        self._show_state()

    def stop(self) -> None:
        """End the work at once; unfinished pictures wait again."""
        if self._run:
            self._run.cancel()

    def shut(self) -> None:
        """End all threads."""
        if self._run:
            self._run.cancel()
            self._run.wait()
        self._background.wait()

    def open_folder(self) -> None:
        """Open the folder of the selected picture's result, or of the last result, in the system's file manager."""
        chosen = [self.model.rows[index.row()] for index in self.table.selectionModel().selectedRows()]
        with_output = [row for row in chosen or self.model.rows if row.output]
        if with_output and (output := with_output[-1].output):
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(output.parent)))

    def _retry(self) -> None:
        self.model.wait_again((State.FAILED,))
        self.begin()

    def _pause(self, paused: bool) -> None:
        if self._run:
            self._run.pause(paused)
        self._show_state()

    def _note(self, event: Event) -> None:
        self.model.note(event)
        self._show_state()

    def _end(self, run: BatchRun) -> None:
        if self._run is run:
            self._run = None
            self.pause.setChecked(False)
            self.model.wait_again((State.WORKING,))
            self.running_changed.emit(False)
        self._show_state()

    # What is shown

    def _show_state(self) -> None:
        rows, running = self.model.rows, self.running
        counts = {state: sum(row.state is state for row in rows) for state in State}
        for widget, enabled in (
            (self.start, not running and counts[State.WAITING] > 0),
            (self.pause, running),
            (self.cancel, running),
            (self.retry, not running and counts[State.FAILED] > 0),
            (self.clear, not running and bool(rows)),
            (self.show_folder, any(row.output for row in rows)),
            (self.folder, not running),
            (self.choose, not running),
            (self.existing, not running),
        ):
            widget.setEnabled(enabled)
        self.progress.setRange(0, max(1, 1000 * len(rows)))
        done = sum(1.0 if row.settled else row.share for row in rows)
        self.progress.setValue(round(1000 * done))
        self.summary.setText(self._summary(rows, counts) if rows else self.tr("Drop pictures and folders here."))

    def _summary(self, rows: list[Row], counts: dict[State, int]) -> str:
        parts = [self.tr("{} pictures").format(len(rows)), self.tr("{} done").format(counts[State.DONE])]
        if counts[State.SKIPPED]:
            parts.append(self.tr("{} skipped").format(counts[State.SKIPPED]))
        if counts[State.FAILED]:
            parts.append(self.tr("{} failed").format(counts[State.FAILED]))
        if self._run and self._run.paused:
            parts.append(self.tr("paused"))
        elif self._run:
            waiting = sum(1 - row.share for row in rows if not row.settled)
            cleaned = counts[State.DONE] + sum(row.share for row in rows if row.state is State.WORKING)
            if cleaned > 0:
                seconds = (time.monotonic() - self._begin) / cleaned * waiting
                parts.append(self.tr("about {} min left").format(max(1, round(seconds / 60))))
        return " · ".join(parts)

    def _ask_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Add pictures to the list"), str(self._start_folder()))
        if names:
            self.folder_used.emit(Path(names[0]).parent)
            self.add([Path(name) for name in names])

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Add a folder to the list"), str(self._start_folder()))
        if name:
            self.folder_used.emit(Path(name))
            self.add([Path(name)])

    def _ask_output(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, self.tr("Folder for the results"), self.folder.text() or str(self._start_folder())
        )
        if name:
            self.folder.setText(name)


def _look_through(paths: Sequence[Path]) -> Plan:
    """Find the pictures in files and folders."""
    return plan(paths, recursive=True, existing=Existing.REPLACE)


def _row(*widgets: QWidget | None) -> QHBoxLayout:
    """Put widgets in a row; None stands for a stretch."""
    layout = QHBoxLayout()
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget, 1 if isinstance(widget, QLineEdit | QProgressBar) else 0)
    return layout
