"""The large view: a picture before and after, with a divider that wipes, zoom and pan."""

from __future__ import annotations

import math
from enum import StrEnum

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from denoise_ae.desktop.picture.canvas import Canvas, Window
from denoise_ae.desktop.picture.document import Document
from denoise_ae.desktop.picture.geometry import STEP, Viewport
from denoise_ae.desktop.picture.orientation import to_stored, to_stored_point
from denoise_ae.desktop.picture.ornaments import paint_divider, paint_hint, paint_title
from denoise_ae.desktop.picture.tiles import SIDE, Kind, Layer, Tiles

GROUND = QColor(38, 38, 40)
"""Background in light and dark themes alike: a bright one makes pictures look darker than they are."""

_GRIP = 10
"""Distance in pixels from the divider within which a drag moves it."""
_SMOOTH_BELOW = 2.0
"""Zoom from which pixels are shown as squares."""
_PAN_STEP = 80
_WIPE_STEP = 0.02


class Mode(StrEnum):
    """How before and after are shown."""

    WIPE = "wipe"
    SIDE_BY_SIDE = "side by side"
    DIFFERENCE = "difference"


class View(QWidget):
    """Shows two layers of a document.

    Attributes:
        viewport: the visible part, of one half in side-by-side mode.
        divider: position of the wipe, 0 (left) to 1.
        mode: how the layers are shown.
    """

    seen_changed = Signal()
    """The visible part or the zoom has changed."""
    divider_moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(320, 240)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Picture, before and after"))
        self.setAccessibleDescription(
            self.tr("Arrow keys move the picture, plus and minus zoom, comma and full stop move the divider.")
        )
        self.viewport = Viewport()
        self.divider = 0.5
        self.mode = Mode.WIPE
        self.hint = ""
        self._document: Document | None = None
        self._tiles: Tiles | None = None
        self._layers = Layer(Kind.ORIGINAL), Layer(Kind.RESULT)
        self._peeking = False
        self._drag: QPointF | None = None
        self._wiping = False

    # What is shown

    def show_document(self, document: Document | None) -> None:
        """Show another picture, all of it."""
        self._document = document
        self._tiles = Tiles(document) if document else None
        self.viewport.picture = document.upright_size if document else (1, 1)
        self._measure()
        self.viewport.fit()
        self._moved()

    def show_layers(self, before: Layer, after: Layer) -> None:
        """Show other layers of the same picture."""
        self._layers = before, after
        self.update()

    def set_mode(self, mode: Mode) -> None:
        """Show the layers in another way."""
        self.mode = mode
        self._measure()
        self._moved()

    def refresh(self, canvas: Canvas, window: Window) -> None:
        """Repaint a part of a canvas that has changed."""
        if self._tiles:
            self._tiles.forget(canvas, window)
            self.update()

    def peek(self, original: bool) -> None:
        """Show the original alone, or stop doing so."""
        self._peeking = original
        self.update()

    def seen(self) -> tuple[Window, tuple[float, float]] | None:
        """Return the visible part of the stored picture, and row and column of the focus; None without a picture."""
        if self._document is None:
            return None
        shape = self._document.pixels.shape[0], self._document.pixels.shape[1]
        rows, columns = self.viewport.seen()
        x, y = self.viewport.centre
        if self.mode is Mode.WIPE and self._layers[0].kind is Kind.ORIGINAL:
            # What lies left of the divider shows the original and can wait.
            left = max(columns.start, int(self.viewport.to_picture(self.divider * self.viewport.size[0], 0)[0]))
            if left < columns.stop:
                columns = slice(left, columns.stop)
            x = left + (columns.stop - left) / 2
        turned = self._document.orientation
        return to_stored((rows, columns), turned, shape), to_stored_point((y, x), turned, shape)

    # Moving about

    def fit(self) -> None:
        """Show the whole picture."""
        self.viewport.fit()
        self._moved()

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom; 1 is a pixel of the picture for a pixel of the screen."""
        self.viewport.zoom_to(zoom, None if at is None else self._in_viewport(at))
        self._moved()

    def move_divider(self, to: float) -> None:
        """Move the wipe, 0 (left) to 1."""
        self.divider = min(max(to, 0.0), 1.0)
        self.divider_moved.emit()
        self.seen_changed.emit()
        self.update()

    def _moved(self) -> None:
        self.seen_changed.emit()
        self.update()

    def _measure(self) -> None:
        ratio = self.devicePixelRatioF()
        panes = 2 if self.mode is Mode.SIDE_BY_SIDE else 1
        self.viewport.resize(self.width() * ratio / panes, self.height() * ratio)

    def _in_viewport(self, point: QPointF) -> tuple[float, float]:
        ratio = self.devicePixelRatioF()
        return point.x() * ratio % max(self.viewport.size[0], 1), point.y() * ratio

    def _near_divider(self, point: QPointF) -> bool:
        return (
            self._document is not None
            and self.mode is Mode.WIPE
            and abs(point.x() - self.divider * self.width()) <= _GRIP
        )

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the visible part, and no more."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), GROUND)
        if self._document is None or self._tiles is None:
            paint_hint(painter, self.rect(), self.hint)
            return
        before, after = self._layers
        if self.mode is Mode.DIFFERENCE:
            after = Layer(Kind.DIFFERENCE, after.canvas, after.mix, self.tr("What was removed, amplified"))
        if self._peeking:
            self._paint_layer(painter, Layer(Kind.ORIGINAL), self.rect())
            paint_title(painter, self.tr("Original"), self.rect(), right=False)
        elif self.mode is Mode.SIDE_BY_SIDE:
            middle = self.width() // 2
            left, right = QRect(0, 0, middle, self.height()), QRect(middle, 0, self.width() - middle, self.height())
            self._paint_layer(painter, before, left)
            self._paint_layer(painter, after, right, offset=middle)
            painter.fillRect(middle - 1, 0, 2, self.height(), GROUND)
            paint_title(painter, before.title, left, right=False)
            paint_title(painter, after.title, right, right=True)
        elif self.mode is Mode.DIFFERENCE:
            self._paint_layer(painter, after, self.rect())
            paint_title(painter, after.title, self.rect(), right=True)
        else:
            self._paint_wipe(painter, before, after)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().highlight().color(), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_wipe(self, painter: QPainter, before: Layer, after: Layer) -> None:
        x = round(self.divider * self.width())
        left, right = QRect(0, 0, x, self.height()), QRect(x, 0, self.width() - x, self.height())
        self._paint_layer(painter, before, left)
        self._paint_layer(painter, after, right)
        paint_divider(painter, x, self.height())
        paint_title(painter, before.title, left, right=False)
        paint_title(painter, after.title, right, right=True)

    def _paint_layer(self, painter: QPainter, layer: Layer, clip: QRect, offset: int = 0) -> None:
        """Paint a layer into a part of the view.

        Args:
            painter: of the view.
            layer: what to show.
            clip: the part, in logical pixels.
            offset: where the viewport's left border lies in the view, in logical pixels.
        """
        if clip.isEmpty() or self._tiles is None:
            return
        ratio = self.devicePixelRatioF()
        view = self.viewport
        level = min(max(0, math.floor(-math.log2(view.zoom) + 1e-9)), self._tiles.levels - 1)
        scale = 2**level
        rows, columns = view.seen()
        left = view.to_picture((clip.left() - offset) * ratio, 0)[0]
        right = view.to_picture((clip.right() + 1 - offset) * ratio, 0)[0]
        columns = slice(max(columns.start, int(left)), min(columns.stop, int(right) + 1))
        if columns.start >= columns.stop:
            return
        width, height = self._tiles.level_size(level)
        painter.save()
        painter.setClipRect(clip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=view.zoom < _SMOOTH_BELOW)
        step = SIDE * scale
        for row in range(rows.start // step, (rows.stop - 1) // step + 1):
            for column in range(columns.start // step, (columns.stop - 1) // step + 1):
                pixmap = self._tiles.get(layer, level, row, column)
                # Whole pixels of the screen, so that no seam shows between tiles.
                x0, y0 = map(round, view.to_view(column * step, row * step))
                x1, y1 = map(
                    round, view.to_view(min((column + 1) * SIDE, width) * scale, min((row + 1) * SIDE, height) * scale)
                )
                target = QRectF(x0 / ratio + offset, y0 / ratio, (x1 - x0) / ratio, (y1 - y0) / ratio)
                painter.drawPixmap(target, pixmap, QRectF(pixmap.rect()))
        painter.restore()

    # Mouse and keys

    def event(self, event: QEvent) -> bool:
        """Measure again if the window has moved to a screen of another resolution."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._measure()
            self._moved()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the middle of the picture in the middle."""
        self._measure()
        self._moved()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer."""
        notches = event.angleDelta().y() / 120
        if self._document and notches:
            self.zoom_to(self.viewport.zoom * STEP**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to move the divider or the picture."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            left = event.button() == Qt.MouseButton.LeftButton
            self._wiping = left and self._near_divider(event.position())
            self._drag = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the divider or the picture."""
        if self._drag is None:
            near = self._near_divider(event.position())
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
        elif self._wiping:
            self.move_divider(event.position().x() / max(1, self.width()))
        elif self._document:
            moved = (event.position() - self._drag) * self.devicePixelRatioF()
            self._drag = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.viewport.pan(moved.x(), moved.y())
            self._moved()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self._drag = None
        self._wiping = False
        self.setCursor(Qt.CursorShape.ArrowCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the whole picture."""
        if not self._near_divider(event.position()):
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Pan, wipe, and show the original while the space bar is held."""
        moves = {
            Qt.Key.Key_Left: (1, 0),
            Qt.Key.Key_Right: (-1, 0),
            Qt.Key.Key_Up: (0, 1),
            Qt.Key.Key_Down: (0, -1),
        }
        key = Qt.Key(event.key())
        if key in moves and self._document:
            x, y = moves[key]
            self.viewport.pan(x * _PAN_STEP, y * _PAN_STEP)
            self._moved()
        elif key in (Qt.Key.Key_Comma, Qt.Key.Key_Period):
            self.move_divider(self.divider + (_WIPE_STEP if key == Qt.Key.Key_Period else -_WIPE_STEP))
        elif key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.peek(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Show the result again."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.peek(False)
        else:
            super().keyReleaseEvent(event)
