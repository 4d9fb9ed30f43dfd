"""The batch list in the real window: files in, files out, and words in the rows."""

import numpy as np
import pytest
from PIL import Image
from qt import drop, needs_qt
from tiny import pattern

from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.imagefiles import images
from denoise_ae.restoration.denoiser import Denoiser

pytestmark = needs_qt

SLOW = 60_000


@pytest.fixture
def window(qtbot, monkeypatch, tmp_path):
    from PySide6.QtWidgets import QMessageBox

    from denoise_ae.desktop.app import make_application
    from denoise_ae.desktop.window import MainWindow

    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    make_application()
    window = MainWindow(PictureSettings(strength=0.8), threads=1)
    window.show()
    yield window
    window.close()


@pytest.fixture
def folder(tmp_path):
    """A folder with two pictures, a bad one, and one in a folder below."""
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "below/c.png")):
        Image.fromarray(pattern(40 + number, 60)).save(folder / name)
    (folder / "bad.png").write_bytes((folder / "a.png").read_bytes()[:200])
    return folder


def states(batch) -> dict[str, str]:
    return {row.source.name: row.state.name for row in batch.model.rows}


def run(batch, qtbot) -> None:
    batch.start.click()
    qtbot.waitUntil(lambda: not batch.running, timeout=SLOW)


def test_a_folder_with_one_bad_file(window, qtbot, folder, tmp_path):
    batch = window.batch
    drop(window, folder)
    assert window.pages.currentWidget() is batch
    qtbot.waitUntil(lambda: len(batch.model.rows) == 4, timeout=SLOW)
    qtbot.waitUntil(lambda: sum(row.thumbnail is not None for row in batch.model.rows) >= 3, timeout=SLOW)
    batch.folder.setText(str(tmp_path / "out"))
    run(batch, qtbot)
    assert states(batch) == {"a.png": "DONE", "b.jpg": "DONE", "c.png": "DONE", "bad.png": "FAILED"}
    bad = next(row for row in batch.model.rows if row.source.name == "bad.png")
    shown = batch.model.data(batch.model.index(batch.model.rows.index(bad), 1))
    assert shown == "this PNG is cut short. Get the file again from its source."
    assert str(folder) not in shown
    assert "3 done" in batch.summary.text()
    assert "1 failed" in batch.summary.text()
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")) == [
        "a.png",
        "b.jpg",
        "below/c.png",
    ]
    expected = Denoiser(threads=1).clean(pattern(40, 60), strength=0.8)
    assert (images.read_image(tmp_path / "out" / "a.png").pixels == expected).all()
    assert all(row.seconds is not None for row in batch.model.rows if row is not bad)

    Image.fromarray(pattern(30, 30)).save(folder / "bad.png")
    assert batch.retry.isEnabled()
    batch.retry.click()
    qtbot.waitUntil(lambda: not batch.running, timeout=SLOW)
    assert set(states(batch).values()) == {"DONE"}
    assert (tmp_path / "out" / "bad.png").exists()
    assert batch.progress.value() == batch.progress.maximum()


def test_file_dialogs_begin_where_the_last_one_ended(window, qtbot, folder, tmp_path, monkeypatch):
    from PySide6.QtWidgets import QFileDialog

    begun, answers = [], [str(folder), ""]

    def ask(_parent, _title, place):
        begun.append(place)
        return answers.pop(0)

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", ask)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *words: (begun.append(words[2]), ([], ""))[1])
    window.batch.add_folder.click()
    window.batch.add_files.click()
    window.batch.choose.click()
    assert begun[1:] == [str(folder), str(folder)]
    assert window.folder == folder
    qtbot.waitUntil(lambda: len(window.batch.model.rows) == 4, timeout=SLOW)


def test_cancel_leaves_nothing_half_done_and_start_goes_on(window, qtbot, tmp_path):
    pictures = [tmp_path / f"{number}.png" for number in range(3)]
    for path in pictures:
        Image.fromarray(np.tile(pattern(700, 700), (2, 2, 1))).save(path)
    batch = window.batch
    window.open_paths(pictures)
    qtbot.waitUntil(lambda: len(batch.model.rows) == 3, timeout=SLOW)
    batch.start.click()
    qtbot.waitUntil(lambda: "WORKING" in states(batch).values(), timeout=SLOW)
    batch.cancel.click()
    qtbot.waitUntil(lambda: not batch.running, timeout=SLOW)
    assert set(states(batch).values()) == {"WAITING"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["0.png", "1.png", "2.png"]
    for path in pictures:
        Image.fromarray(pattern(30, 40)).save(path)
    run(batch, qtbot)
    assert set(states(batch).values()) == {"DONE"}
    assert (tmp_path / "2-clean.png").exists()


def test_pause_begins_no_further_picture(window, qtbot, tmp_path):
    pictures = [tmp_path / f"{number}.png" for number in range(4)]
    for path in pictures:
        Image.fromarray(pattern(50, 60)).save(path)
    batch = window.batch
    batch.add(pictures)
    qtbot.waitUntil(lambda: len(batch.model.rows) == 4, timeout=SLOW)
    batch.start.click()
    batch.pause.click()
    qtbot.wait(1500)
    assert "WAITING" in states(batch).values()
    assert "paused" in batch.summary.text()
    assert batch.running
    batch.pause.click()
    qtbot.waitUntil(lambda: not batch.running, timeout=SLOW)
    assert set(states(batch).values()) == {"DONE"}


def test_a_second_run_skips_what_is_done(window, qtbot, folder):
    batch = window.batch
    batch.add([folder / "a.png"])
    qtbot.waitUntil(lambda: len(batch.model.rows) == 1, timeout=SLOW)
    run(batch, qtbot)
    first = (folder / "a-clean.png").stat().st_mtime_ns
    batch.empty()
    batch.add([folder / "a.png"])
    qtbot.waitUntil(lambda: len(batch.model.rows) == 1, timeout=SLOW)
    run(batch, qtbot)
    assert states(batch) == {"a.png": "SKIPPED"}
    assert (folder / "a-clean.png").stat().st_mtime_ns == first


def test_a_model_that_is_gone_becomes_a_message(window, qtbot, folder):
    window.session.set_settings(PictureSettings("gone"))
    window.batch.add([folder / "a.png"])
    qtbot.waitUntil(lambda: len(window.batch.model.rows) == 1, timeout=SLOW)
    run(window.batch, qtbot)
    assert "gone" in window.message.label.text()
    assert states(window.batch) == {"a.png": "WAITING"}


def test_the_results_folder_opens(window, qtbot, folder, monkeypatch):
    from PySide6.QtGui import QDesktopServices

    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    window.batch.add([folder / "a.png"])
    qtbot.waitUntil(lambda: len(window.batch.model.rows) == 1, timeout=SLOW)
    run(window.batch, qtbot)
    window.batch.show_folder.click()
    assert [url.toLocalFile() for url in opened] == [str(folder)]
