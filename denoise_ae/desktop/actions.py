"""Menus, the toolbar and their shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QMessageBox, QStackedWidget, QToolBar, QWidget

from denoise_ae.desktop.about import show_about
from denoise_ae.desktop.batch.panel import BatchPanel
from denoise_ae.desktop.picture.geometry import STEP
from denoise_ae.desktop.picture.session import PictureSession, Slot
from denoise_ae.desktop.picture.view import Mode, View
from denoise_ae.desktop.save_panel import SavePanel
from denoise_ae.desktop.settings_panel import SettingsPanel

_Keys = QKeySequence.StandardKey | str | None


class Commands(Protocol):
    """What menus, toolbar and keyboard shortcuts call: the window's parts and its own commands."""

    view: View
    batch: BatchPanel
    session: PictureSession
    settings_panel: SettingsPanel
    saving: SavePanel
    pages: QStackedWidget
    devices: dict[str, str]
    """Names of the models that are loaded -> devices that they run on."""

    def ask_open(self) -> None:
        """Ask for pictures and open them."""

    def save(self) -> None:
        """Save the result."""

    def save_as(self) -> None:
        """Ask for a name and save the result under it."""

    def copy(self) -> None:
        """Put the result on the clipboard."""

    def paste(self) -> None:
        """Open the picture on the clipboard."""

    def show_page(self, page: QWidget) -> None:
        """Show the picture or the batch."""


class Actions(QObject):
    """The window's actions, in its menus and its toolbar, with their shortcuts.

    Args:
        window: gets the menus and the toolbar.
        commands: called by them.
    """

    def __init__(self, window: QMainWindow, commands: Commands) -> None:
        super().__init__(window)
        self._window, self._commands = window, commands
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
        self.open = self._add(file, self.tr("&Open…"), commands.ask_open, keys.Open)
        self._add(file, self.tr("Add pictures to the &batch…"), commands.batch.add_files.click)
        file.addSeparator()
        self.save = self._add(file, self.tr("&Save"), commands.save, keys.Save, picture=True)
        self.save_as = self._add(file, self.tr("Save &as…"), commands.save_as, "Ctrl+Shift+S", picture=True)
        file.addSeparator()
        self._add(file, self.tr("&Quit"), window.close, keys.Quit)

        self.copy = self._add(edit, self.tr("&Copy result"), commands.copy, keys.Copy, picture=True)
        self.paste = self._add(edit, self.tr("&Paste picture"), commands.paste, keys.Paste)

        self._add_modes(view)
        view.addSeparator()
        show = commands.view
        self._add(view, self.tr("Zoom &in"), lambda: show.zoom_to(show.viewport.zoom * STEP), "+", picture=True)
        self._add(view, self.tr("Zoom &out"), lambda: show.zoom_to(show.viewport.zoom / STEP), "-", picture=True)
        self.fit = self._add(view, self.tr("&Fit"), show.fit, "0", picture=True)
        self.whole = self._add(view, self.tr("&100 %"), lambda: show.zoom_to(1.0), "1", picture=True)
        view.addSeparator()
        self._add_pages(view)

        self._add_compare(compare)
        self._add(help_, self.tr("&Keys"), self._show_keys, keys.HelpContents)
        self._add(help_, self.tr("&About denoise-ae"), lambda: show_about(window, commands.devices))
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
            action = self._add(menu, text, partial(self._commands.view.set_mode, mode), keys, picture=True)
            action.setCheckable(True)
            group.addAction(action)
            self.modes[mode] = action
        self.modes[Mode.WIPE].setChecked(True)

    def _add_pages(self, menu: QMenu) -> None:
        commands = self._commands
        group = QActionGroup(self)
        self.picture_page = self._add(menu, self.tr("&Picture"), lambda: commands.show_page(commands.view), "Ctrl+1")
        self.batch_page = self._add(menu, self.tr("&Batch list"), lambda: commands.show_page(commands.batch), "Ctrl+2")
        for action in (self.picture_page, self.batch_page):
            action.setCheckable(True)
            group.addAction(action)
        self.picture_page.setChecked(True)

    def _add_compare(self, menu: QMenu) -> None:
        commands = self._commands
        for slot in Slot:
            text = self.tr("Edit settings &{}").format(slot.value)
            self._add(menu, text, partial(commands.session.activate, slot), f"Ctrl+Shift+{slot.value}")
        self._add(menu, self.tr("&Compare A with B"), commands.settings_panel.compare.toggle, "Ctrl+B")
        self._add(menu, self.tr("&Give both the active settings"), self._copy_settings)

    def _copy_settings(self) -> None:
        session = self._commands.session
        session.slot_settings = dict.fromkeys(Slot, session.settings)
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
        """Enable the actions that make sense now."""
        commands = self._commands
        there = commands.session.document is not None and commands.pages.currentWidget() is commands.view
        for action in self._with_picture:
            action.setEnabled(there)
        commands.saving.button.setEnabled(there)
        batch = commands.pages.currentWidget() is commands.batch
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
