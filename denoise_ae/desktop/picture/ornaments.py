"""What the view paints besides pictures: the divider, titles, and a hint if no picture is open."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

_KNOB = 13
"""Radius in pixels of the divider's knob."""


def paint_divider(painter: QPainter, x: int, height: int) -> None:
    """Paint the wipe's divider, from top to bottom, with a knob to drag."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(0, 0, 0, 110), 3))
    painter.drawLine(x, 0, x, height)
    painter.setPen(QPen(QColor(255, 255, 255, 230), 1.4))
    painter.drawLine(x, 0, x, height)
    middle = QPointF(x, height / 2)
    painter.setPen(QPen(QColor(0, 0, 0, 90), 1))
    painter.setBrush(QColor(255, 255, 255, 235))
    painter.drawEllipse(middle, _KNOB, _KNOB)
    painter.setPen(QPen(QColor(60, 60, 60), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    for side in (-1, 1):
        tip = middle + QPointF(side * 8, 0)
        painter.drawLine(tip, tip + QPointF(-side * 4, -4))
        painter.drawLine(tip, tip + QPointF(-side * 4, 4))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def paint_title(painter: QPainter, title: str, area: QRect, *, right: bool) -> None:
    """Write a title into an upper corner of an area, where there is room for it."""
    font = QFont(painter.font())
    font.setPointSizeF(9)
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(title) + 18
    if not title or width + 20 > area.width():
        return
    x = area.right() - width - 9 if right else area.left() + 10
    box = QRectF(x, area.top() + 10, width, painter.fontMetrics().height() + 8)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 20, 22, 175))
    painter.drawRoundedRect(box, 6, 6)
    painter.setPen(QColor(240, 240, 240))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, title)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def paint_hint(painter: QPainter, area: QRect, text: str) -> None:
    """Paint a frame that asks for a picture."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(120, 120, 124), 1.5, Qt.PenStyle.DashLine))
    box = QRectF(0, 0, min(460, area.width() - 40), 190)
    box.moveCenter(QPointF(area.center()))
    painter.drawRoundedRect(box, 14, 14)
    painter.setPen(QColor(205, 205, 208))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
