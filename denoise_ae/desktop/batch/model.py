"""The batch list as a Qt model: a row for each picture, with its state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QImage, QPixmap

from denoise_ae.batch.jobs import Cleaned, Event, Failed, Job, Progress, Skipped, Started
from denoise_ae.desktop.background import advice

_NOWHERE = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class State(Enum):
    """State of a picture."""

    WAITING = auto()
    WORKING = auto()
    DONE = auto()
    SKIPPED = auto()
    FAILED = auto()


@dataclass
class Row:
    """A picture of the list."""

    source: Path
    state: State = State.WAITING
    share: float = 0.0
    """How much of it is clean, 0 to 1."""
    seconds: float | None = None
    sigma: float | None = None
    message: str = ""
    hint: str = ""
    output: Path | None = None
    thumbnail: QPixmap | None = field(default=None, repr=False)

    @property
    def settled(self) -> bool:
        """Whether it is finished."""
        return self.state in (State.DONE, State.SKIPPED, State.FAILED)


class BatchModel(QAbstractTableModel):
    """Rows of pictures; columns: picture, state, noise, time."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self._numbers: dict[Path, int] = {}

    # What Qt asks for

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        """Return how many pictures there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        """Return 4."""
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        """Return a column's title."""
        if orientation == Qt.Orientation.Vertical or role != Qt.ItemDataRole.DisplayRole:
            return None
        return (self.tr("Picture"), self.tr("State"), self.tr("Noise"), self.tr("Time"))[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - as Qt has it
        """Return what a cell shows."""
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return row.thumbnail
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(filter(None, (str(row.source), row.message, row.hint)))
        if role == Qt.ItemDataRole.ForegroundRole and column == 1 and row.state is State.FAILED:
            return QColor("#d0523f")
        return None

    def _text(self, row: Row, column: int) -> str:
        if column == 0:
            return row.source.name
        if column == 1:
            return self._state(row)
        if column == 2:
            return "" if row.sigma is None else f"{row.sigma:.1f}"
        return "" if row.seconds is None else self.tr("{:.1f} s").format(row.seconds)

    def _state(self, row: Row) -> str:
        if row.state is State.WORKING:
            return self.tr("Cleaning, {} %").format(round(100 * row.share))
        if row.state is State.DONE:
            return f"{self.tr('Done')}: {row.message}" if row.message else self.tr("Done")
        if row.state is State.SKIPPED:
            return self.tr("Skipped: {}").format(row.message)
        if row.state is State.FAILED:
            return row.message + (f". {row.hint[0].upper()}{row.hint[1:]}." if row.hint else "")
        return self.tr("Waiting")

    # What the list does

    def row_of(self, source: Path | None) -> Row | None:
        """Return a picture's row."""
        number = self._numbers.get(source) if source else None
        return None if number is None else self.rows[number]

    def add(self, sources: Iterable[Path]) -> list[Row]:
        """Append pictures that are not in the list yet; return their rows."""
        known = set(self._numbers)
        fresh = [Row(source) for source in dict.fromkeys(sources) if source not in known]
        if fresh:
            first = len(self.rows)
            self.beginInsertRows(QModelIndex(), first, first + len(fresh) - 1)
            self.rows += fresh
            self._numbers |= {row.source: first + number for number, row in enumerate(fresh)}
            self.endInsertRows()
        return fresh

    def clear(self) -> None:
        """Empty the list."""
        self.beginResetModel()
        self.rows.clear()
        self._numbers.clear()
        self.endResetModel()

    def touch(self, row: Row) -> None:
        """Show a row anew."""
        number = self._numbers.get(row.source)
        if number is not None:
            self.dataChanged.emit(self.index(number, 0), self.index(number, self.columnCount() - 1))

    def note(self, event: Event) -> None:
        """Update a row after an event of the batch."""
        source = event.job.source
        if source is None:
            return
        row = self.row_of(source) or self.add([source])[0]
        if isinstance(event, Started):
            row.state, row.share = State.WORKING, 0.0
        elif isinstance(event, Progress):
            row.state, row.share = State.WORKING, event.done / max(1, event.total)
        elif isinstance(event, Cleaned):
            row.state, row.seconds, row.sigma, row.output = State.DONE, event.seconds, event.sigma, event.job.output
            row.message = "; ".join(event.warnings)
            if event.little_noise and not row.message:
                row.message = QCoreApplication.translate("BatchModel", "hardly any noise was found")
        elif isinstance(event, Skipped):
            row.state, row.message, row.output = State.SKIPPED, event.reason, event.job.output
        elif isinstance(event, Failed):
            row.state, row.message, row.hint = State.FAILED, _without_path(event), advice(event.error)
        self.touch(row)

    def set_thumbnail(self, source: Path, image: QImage) -> None:
        """Show a picture's thumbnail."""
        row = self.row_of(source)
        if row is not None and not image.isNull():
            row.thumbnail = QPixmap.fromImage(image)
            self.touch(row)

    def wait_again(self, states: tuple[State, ...]) -> None:
        """Let pictures in these states wait again."""
        for row in self.rows:
            if row.state in states:
                row.state, row.share, row.seconds, row.message, row.hint = State.WAITING, 0.0, None, "", ""
                self.touch(row)

    def wanted(self, job: Job) -> bool:
        """Return whether a job's picture is waiting."""
        row = self.row_of(job.source)
        return row is None or row.state is State.WAITING


def _without_path(event: Failed) -> str:
    """Return an error's message without the path, which the row shows already."""
    return event.error.message.removeprefix(f"{event.job.name}: ")
