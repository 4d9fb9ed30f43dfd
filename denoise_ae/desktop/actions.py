"""Menus, the toolbar and their shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox, QToolBar

from denoise_ae.desktop.about import show_about
from denoise_ae.desktop.geometry import STEP
from denoise_ae.desktop.session import Slot
from denoise_ae.desktop.view import Mode

if TYPE_CHECKING:
    from denoise_ae.desktop.window import MainWindow

_Keys = QKeySequence.StandardKey | str | None


class Actions(QObject):
    """What can be done in the window, by menu, toolbar and keyboard.

    Args:
        window: whose menus and toolbar are made here.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._with_picture: list[QAction] = []
        keys = QKeySequence.StandardKey
        file, edit, view, compare, help_ = (
            window.menuBar().addMenu(title)
            for title in (
                self.tr("&File"),
                self.tr("&Edit"),
                self.tr("&View"),
                self.tr("&Compare"),
                self.tr("&Help"),
            )
        )
        self.open = self._add(file, self.tr("&Open…"), window.ask_open, keys.Open)
        self._add(file, self.tr("Add pictures to the &batch…"), window.batch.add_files.click)
        file.addSeparator()
        self.save = self._add(file, self.tr("&Save"), window.save, keys.Save, picture=True)
        self.save_as = self._add(file, self.tr("Save &as…"), window.save_as, "Ctrl+Shift+S", picture=True)
        file.addSeparator()
        self._add(file, self.tr("&Quit"), window.close, keys.Quit)

        self.copy = self._add(edit, self.tr("&Copy result"), window.copy, keys.Copy, picture=True)
        self.paste = self._add(edit, self.tr("&Paste picture"), window.paste, keys.Paste)

        self._add_modes(view)
        view.addSeparator()
        show = window.view
        self._add(view, self.tr("Zoom &in"), lambda: show.zoom_to(show.viewport.zoom * STEP), "+", picture=True)
        self._add(view, self.tr("Zoom &out"), lambda: show.zoom_to(show.viewport.zoom / STEP), "-", picture=True)
        self.fit = self._add(view, self.tr("&Fit"), show.fit, "0", picture=True)
        self.whole = self._add(view, self.tr("&100 %"), lambda: show.zoom_to(1.0), "1", picture=True)
        view.addSeparator()
        self._add_pages(view)

        self._add_compare(compare)
        self._add(help_, self.tr("&Keys"), self._show_keys, keys.HelpContents)
        self._add(help_, self.tr("&About denoise-ae"), lambda: show_about(window))
        self._add_toolbar()

    def _add(
        self, menu: QMenu, text: str, work: Callable[[], object], keys: _Keys = None, *, picture: bool = False
    ) -> QAction:
        action = QAction(text, self)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _checked=False: work())
        menu.addAction(action)
        if picture:
            self._with_picture.append(action)
        return action

    def _add_modes(self, menu: QMenu) -> None:
        self.modes: dict[Mode, QAction] = {}
        group = QActionGroup(self)
        for mode, text, keys in (
            (Mode.WIPE, self.tr("&Wipe"), "W"),
            (Mode.SIDE_BY_SIDE, self.tr("&Side by side"), "S"),
            (Mode.DIFFERENCE, self.tr("&Difference"), "D"),
        ):
            action = self._add(menu, text, partial(self._window.view.set_mode, mode), keys, picture=True)
            action.setCheckable(True)
            group.addAction(action)
            self.modes[mode] = action
        self.modes[Mode.WIPE].setChecked(True)

    def _add_pages(self, menu: QMenu) -> None:
        window = self._window
        group = QActionGroup(self)
        self.picture_page = self._add(menu, self.tr("&Picture"), lambda: window.show_page(window.view), "Ctrl+1")
        self.batch_page = self._add(menu, self.tr("&Batch list"), lambda: window.show_page(window.batch), "Ctrl+2")
        for action in (self.picture_page, self.batch_page):
            action.setCheckable(True)
            group.addAction(action)
        self.picture_page.setChecked(True)

    def _add_compare(self, menu: QMenu) -> None:
        window = self._window
        for slot in Slot:
            text = self.tr("Edit settings &{}").format(slot.value)
            self._add(menu, text, partial(window.session.activate, slot), f"Ctrl+Shift+{slot.value}")
        self._add(menu, self.tr("&Compare A with B"), window.looks.compare.toggle, "Ctrl+B")
        self._add(menu, self.tr("&Give both the active settings"), self._copy_look)

    def _copy_look(self) -> None:
        session = self._window.session
        session.looks = dict.fromkeys(Slot, session.look)
        session.compare(session.comparing)

    def _add_toolbar(self) -> None:
        bar = QToolBar(self.tr("Toolbar"))
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        groups = (
            (self.picture_page, self.batch_page),
            (self.open, self.paste, self.save, self.copy),
            tuple(self.modes.values()),
            (self.fit, self.whole),
        )
        for number, group in enumerate(groups):
            if number:
                bar.addSeparator()
            bar.addActions(list(group))
        for action in (action for group in groups for action in group):
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            text = action.text().replace("&", "")
            action.setToolTip(f"{text} ({keys})" if keys else text)
        self._window.addToolBar(bar)

    def show_state(self) -> None:
        """Offer what makes sense now."""
        window = self._window
        there = window.session.document is not None and window.pages.currentWidget() is window.view
        for action in self._with_picture:
            action.setEnabled(there)
        window.saving.button.setEnabled(there)
        batch = window.pages.currentWidget() is window.batch
        (self.batch_page if batch else self.picture_page).setChecked(True)

    def _show_keys(self) -> None:
        lines = [
            (self.tr("Space, held"), self.tr("show the original")),
            (self.tr("Mouse wheel, + and -"), self.tr("zoom")),
            (self.tr("Drag, arrow keys"), self.tr("move the picture")),
            (self.tr("Drag the divider, comma and full stop"), self.tr("wipe between before and after")),
            (self.tr("Double click, 0"), self.tr("fit the picture into the window")),
            ("1", self.tr("show each pixel as one of the screen")),
            ("W, S, D", self.tr("wipe, side by side, difference")),
        ]
        rows = "".join(f"<tr><td><b>{keys}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for keys, what in lines)
        box = QMessageBox(self._window)
        box.setWindowTitle(self.tr("Keys"))
        box.setText(f"<table>{rows}</table>")
        box.exec()
