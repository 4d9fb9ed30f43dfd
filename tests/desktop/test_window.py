"""The real window with the real model: what the user does, sees, and finds in files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qt import drop, needs_qt, seen, seen_part

from denoise_ae.errors import Interrupted
from denoise_ae.imagefiles import images
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.pixels.convert import upright
from denoise_ae.restoration.cleaning import Strength
from denoise_ae.restoration.denoiser import Denoiser

pytestmark = needs_qt

SLOW = 60_000
"""Milliseconds after which something is taken not to happen at all; nothing is timed."""


def noisy(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A gradient with an edge and noise."""
    clean = np.add.outer(np.linspace(40, 160, height), np.linspace(0, 60, width))[..., None] + np.array([0, 10, 30])
    clean[height // 3 : height // 2, width // 4 : width // 2] -= 30
    return np.clip(clean + np.random.default_rng(seed).normal(0, 15, clean.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def denoiser() -> Denoiser:
    return Denoiser(threads=1)


@pytest.fixture
def answers(monkeypatch) -> dict:
    """What the user answers to questions, and which were asked."""
    from PySide6.QtWidgets import QMessageBox

    answers = {"warning": QMessageBox.StandardButton.Discard, "question": QMessageBox.StandardButton.Yes, "asked": []}

    def ask(kind):
        def answer(_parent, title, text, *_rest):
            answers["asked"].append(f"{title}: {text}")
            return answers[kind]

        return answer

    for kind in ("warning", "question"):
        monkeypatch.setattr(QMessageBox, kind, ask(kind))
    return answers


@pytest.fixture
def window(qtbot, answers):
    from denoise_ae.desktop.app import make_application
    from denoise_ae.desktop.window import MainWindow

    make_application()
    window = MainWindow(threads=1)
    window.resize(900, 640)
    window.show()
    yield window
    answers["warning"] = type(answers["warning"]).Discard
    answers["question"] = type(answers["question"]).Yes
    window.session.note_saved(window.session.settings)
    window.close()
    assert not window.engine.isRunning()


@pytest.fixture
def names(monkeypatch) -> list:
    """The names that the user gives in file dialogs."""
    from PySide6.QtWidgets import QFileDialog

    names: list = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(names.pop(0)), ""))
    return names


@pytest.fixture
def opened(window, qtbot, tmp_path):
    """The window with a picture dropped on it, all of it clean, at 100 %."""
    pixels = noisy(260, 300)
    path = tmp_path / "noisy.png"
    Image.fromarray(pixels).save(path)
    drop(window, path)
    wait_until_shown(qtbot, window)
    window.actions_.whole.trigger()
    return window, pixels, path


def wait_until_shown(qtbot, window) -> None:
    """Wait until all of the picture is clean and the view has been told: the worker is done a moment before."""
    session, engine = window.session, window.engine
    qtbot.waitUntil(lambda: bool(session.document) and session.complete and engine._at_work is None, timeout=SLOW)
    qtbot.wait(10)


def wait_until_idle(qtbot, window) -> None:
    qtbot.waitUntil(lambda: not window._busy and not window._results.waiting and window.session.complete, timeout=SLOW)


def close_to(shown: np.ndarray, expected: np.ndarray) -> bool:
    return shown.shape == expected.shape and np.abs(shown.astype(int) - expected).max() <= 1


LEFT, RIGHT = slice(20, 130), slice(180, 290)
ROWS = slice(30, 100)


def test_a_picture_from_drop_to_the_saved_file(opened, qtbot, names, tmp_path, denoiser):
    from PySide6.QtCore import QPoint, Qt

    window, pixels, _ = opened
    view = window.view
    clean = denoiser.clean(pixels)
    assert not close_to(clean[ROWS, RIGHT], pixels[ROWS, RIGHT])
    assert close_to(seen_part(view, ROWS, LEFT), pixels[ROWS, LEFT])
    assert close_to(seen_part(view, ROWS, RIGHT), clean[ROWS, RIGHT])
    assert window.settings_panel.found.text() == f"{denoiser.restore(pixels).sigma:.1f}"

    middle = QPoint(view.width() // 2, view.height() // 4)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(view, QPoint(view.width() - 5, middle.y()))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(view.width() - 5, middle.y()))
    assert close_to(seen_part(view, ROWS, RIGHT), pixels[ROWS, RIGHT])
    view.move_divider(0)
    assert close_to(seen_part(view, ROWS, LEFT), clean[ROWS, LEFT])

    window.settings_panel.strength_box.setValue(20)
    window.settings_panel.strength_box.setValue(60)
    weaker = denoiser.clean(pixels, strength=0.6)
    assert close_to(seen_part(view, ROWS, LEFT), weaker[ROWS, LEFT])
    assert not close_to(weaker, clean)

    names.append(tmp_path / "result.png")
    window.actions_.save_as.trigger()
    wait_until_idle(qtbot, window)
    assert close_to(images.read_image(tmp_path / "result.png").pixels, weaker)
    assert not window.session.unsaved
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy.png", "result.png"]


def test_no_older_result_is_shown_for_newer_settings(opened, qtbot, denoiser):
    window, pixels, _ = opened
    window.view.move_divider(0)
    before = denoiser.clean(pixels)
    window.settings_panel.automatic.setChecked(False)
    window.settings_panel.sigma_box.setValue(40)
    window.settings_panel.sigma_box.setValue(5)
    waiting = seen_part(window.view, ROWS, LEFT)
    canvas = window.session.canvas(window.session.active)
    if not canvas.done.any():  # dark, until the new result is there
        assert np.abs(waiting - pixels[ROWS, LEFT] * 0.42).max() <= 2
    assert not close_to(waiting, before[ROWS, LEFT])
    wait_until_shown(qtbot, window)
    assert close_to(seen_part(window.view, ROWS, LEFT), denoiser.clean(pixels, 5.0)[ROWS, LEFT])
    window.settings_panel.automatic.setChecked(True)  # what was computed once is there at once
    assert window.session.complete
    assert close_to(seen_part(window.view, ROWS, LEFT), before[ROWS, LEFT])


def test_a_preview_of_all_that_is_seen_comes_first_and_goes(window, qtbot, tmp_path, denoiser):
    from PySide6.QtCore import Qt

    pixels = noisy(700, 900)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    told = []
    engine = window.engine
    engine.updated.connect(
        lambda canvas, part: told.append((part, canvas.previewed.copy(), canvas.done.copy())),
        Qt.ConnectionType.DirectConnection,
    )
    window.resize(1300, 900)
    window.view.move_divider(0)
    window.open_paths([tmp_path / "a.png"])
    wait_until_shown(qtbot, window)
    part, previewed, done = told[0]
    assert previewed.all()
    assert not done.any()
    assert [each.stop for each in part] == [700, 900]
    assert sum(now.sum() != before.sum() for (_, now, _), (_, before, _) in zip(told[1:], told, strict=False)) == 0
    canvas = window.session.canvas(window.session.active)
    assert close_to(canvas.result(pixels, Strength()), denoiser.clean(pixels))  # nothing of it is left


def test_a_and_b_stand_side_by_side(opened, qtbot, denoiser):
    from denoise_ae.desktop.picture.session import Slot

    window, pixels, _ = opened
    window.settings_panel.slots[Slot.B].click()
    window.settings_panel.model.setCurrentText("photo-gaussian")
    window.settings_panel.strength_box.setValue(50)
    window.settings_panel.compare.setChecked(True)
    qtbot.waitUntil(lambda: window.session.share == 1, timeout=SLOW)
    other = Denoiser("photo-gaussian", threads=1).clean(pixels, strength=0.5)
    assert close_to(seen_part(window.view, ROWS, LEFT), denoiser.clean(pixels)[ROWS, LEFT])
    assert close_to(seen_part(window.view, ROWS, RIGHT), other[ROWS, RIGHT])
    assert not close_to(other, denoiser.clean(pixels))


def test_luminance_and_colour_apart_are_seen_and_saved(opened, qtbot, names, denoiser, tmp_path):
    window, pixels, _ = opened
    panel = window.settings_panel
    assert not panel.details.isVisible()
    panel.more.click()
    assert panel.details.isVisible()
    panel.strength_box.setValue(70)
    panel.apart.click()
    assert (panel.luma_box.value(), panel.chroma_box.value()) == (70, 70)
    assert not panel.strength_box.isEnabled() and panel.luma_box.isEnabled()
    panel.luma_box.setValue(20)
    panel.chroma.setValue(140)
    wait_until_shown(qtbot, window)
    expected = denoiser.clean(pixels, luma=0.2, chroma=1.4)
    assert not close_to(expected, denoiser.clean(pixels, strength=0.7))
    window.view.move_divider(0)
    assert close_to(seen_part(window.view, ROWS, LEFT), expected[ROWS, LEFT])
    names.append(tmp_path / "apart.png")
    window.save_as()
    wait_until_idle(qtbot, window)
    assert close_to(images.read_image(tmp_path / "apart.png").pixels, expected)
    settings = window._task()[0].settings
    assert (settings.luma, settings.chroma, settings.defects) == (0.2, 1.4, True)
    panel.apart.click()  # back to what the strength says
    wait_until_shown(qtbot, window)
    assert close_to(seen_part(window.view, ROWS, LEFT), denoiser.clean(pixels, strength=0.7)[ROWS, LEFT])
    assert window._task()[0].settings.luma is None


def test_hot_pixels_are_filled_in_view_file_and_batch(window, qtbot, names, denoiser, tmp_path):
    pixels = np.clip(noisy(260, 300) * 0.4 + 60, 0, 255).astype(np.uint8)
    places = [40, 60, 90], [30, 70, 110]
    pixels[*places, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "hot.png")
    window.open_paths([tmp_path / "hot.png"])
    wait_until_shown(qtbot, window)
    window.actions_.whole.trigger()
    window.view.move_divider(0)
    expected = denoiser.clean(pixels)
    assert (expected[*places, 0] < 150).all()
    assert close_to(seen_part(window.view, ROWS, LEFT), expected[ROWS, LEFT])
    assert window.settings_panel.hot_pixels.text() == "3 found"
    names.append(tmp_path / "filled.png")
    window.save_as()
    wait_until_idle(qtbot, window)
    assert close_to(images.read_image(tmp_path / "filled.png").pixels, expected)
    window.actions_.modes["difference"].trigger()  # what was removed holds them too
    left, top = map(round, window.view.viewport.to_view(0, 0))
    assert seen(window.view)[40 + top, 30 + left, 0] == 255
    window.actions_.modes["difference"].trigger()
    window.settings_panel.defects.click()
    wait_until_shown(qtbot, window)
    assert window.settings_panel.hot_pixels.text() == ""
    canvas = window.session.canvas(window.session.active)
    kept = denoiser.clean(pixels, defects=False)
    assert close_to(canvas.result(pixels, Strength()), kept) and not close_to(kept, expected)
    assert not window._task()[0].settings.defects


def test_settings_that_are_not_as_usual_are_not_folded_away(qtbot):
    from denoise_ae.desktop.picture.settings import PictureSettings
    from denoise_ae.desktop.window import MainWindow

    for settings, unfolded in (
        (PictureSettings(strength=0.5), False),
        (PictureSettings(luma=0.5), True),
        (PictureSettings(defects=False), True),
    ):
        window = MainWindow(settings, threads=1)
        assert window.settings_panel.more.isChecked() == unfolded
        assert window.settings_panel.luma_box.value() == 50 or not settings.apart
        window.close()


def test_the_difference_shows_what_was_removed(opened, denoiser):
    from denoise_ae.desktop.picture.tiles import GAIN

    window, pixels, _ = opened
    window.actions_.modes["difference"].trigger()
    removed = pixels.astype(float) - denoiser.clean(pixels)
    expected = np.clip(128 + GAIN * removed, 0, 255)
    shown = seen_part(window.view, slice(60, 200), LEFT).astype(float)
    assert np.abs(shown - expected[60:200, LEFT]).mean() < GAIN
    assert shown.std() > 20


def test_keys_zoom_and_show_the_original(opened, qtbot, denoiser):
    from PySide6.QtCore import Qt

    window, pixels, _ = opened
    view = window.view
    view.move_divider(0)
    view.setFocus()
    qtbot.keyPress(view, Qt.Key.Key_Space)
    assert close_to(seen_part(view, ROWS, LEFT), pixels[ROWS, LEFT])
    qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert close_to(seen_part(view, ROWS, LEFT), denoiser.clean(pixels)[ROWS, LEFT])
    for _ in range(20):
        qtbot.keyClick(view, "+")
    assert view.viewport.zoom == 16
    qtbot.keyClick(view, "1")
    assert view.viewport.zoom == 1
    assert window.zoom_label.text() == "100 %"


def test_the_wheel_zooms_at_the_pointer(opened):
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    view = opened[0].view
    where = QPointF(300, 250)
    before = view.viewport.to_picture(300, 250)
    for _ in range(4):
        view.viewport.fits = False
        none = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
        event = QWheelEvent(where, view.mapToGlobal(where), QPoint(), QPoint(0, 240), *none)
        QApplication.sendEvent(view, event)
    assert view.viewport.zoom == pytest.approx(1.25**8)
    # At first the picture is smaller than the view, and is kept in its middle.
    assert view.viewport.to_picture(300, 250) == pytest.approx(before, abs=25)


def test_stopping_leaves_what_is_clean_and_going_on_ends_it(window, qtbot, tmp_path):
    pixels = noisy(600, 800)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    window.open_paths([tmp_path / "a.png"])
    qtbot.waitUntil(lambda: bool(window.session.document) and window.session.share > 0, timeout=SLOW)
    window.hold.setChecked(True)
    qtbot.waitUntil(lambda: window.engine._at_work is None, timeout=SLOW)
    share = window.session.share
    assert 0 < share < 1
    assert window.state_label.text() == "Stopped"
    qtbot.wait(300)
    assert window.session.share == share
    window.hold.setChecked(False)
    wait_until_shown(qtbot, window)


def test_what_crashes_in_the_thread_becomes_a_message(window, qtbot, tmp_path, monkeypatch, denoiser):
    def crash(*_words, **_options):
        raise RuntimeError("the sky fell")

    real = Denoiser.residual
    monkeypatch.setattr(Denoiser, "residual", crash)
    pixels = noisy(60, 70)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    window.open_paths([tmp_path / "a.png"])
    qtbot.waitUntil(window.message.isVisible, timeout=SLOW)
    assert "the sky fell" in window.message.label.text()
    assert close_to(seen(window.view)[2:4, 2:4], np.full((2, 2, 3), (38, 38, 40)))
    monkeypatch.setattr(Denoiser, "residual", real)
    window.settings_panel.strength_box.setValue(120)  # other settings are tried, and the message goes
    wait_until_shown(qtbot, window)
    assert not window.message.isVisible()


def test_a_file_that_is_no_picture_is_refused_in_words(window, qtbot, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    window.open_paths([tmp_path / "text.png"])
    qtbot.waitUntil(window.message.isVisible, timeout=SLOW)
    assert "text.png" in window.message.label.text()
    assert window.session.document is None


def test_copy_and_paste(opened, qtbot, denoiser):
    from PySide6.QtGui import QGuiApplication, QImage

    window, pixels, _ = opened
    window.actions_.copy.trigger()
    qtbot.waitUntil(lambda: "clipboard" in window.state_label.text(), timeout=SLOW)
    image = QGuiApplication.clipboard().image().convertToFormat(QImage.Format.Format_RGB888)
    held = np.frombuffer(image.constBits(), np.uint8).reshape(260, -1)[:, :900].reshape(260, 300, 3)
    assert close_to(held, denoiser.clean(pixels))
    held = held.copy()
    window.actions_.paste.trigger()
    qtbot.waitUntil(lambda: window.session.document.source is None, timeout=SLOW)
    assert (window.session.document.pixels[..., :3] == held).all()
    assert window.session.unsaved


def test_nothing_is_replaced_without_a_yes(opened, qtbot, names, answers, tmp_path):
    from PySide6.QtWidgets import QMessageBox

    window, pixels, path = opened
    other = tmp_path / "other.png"
    other.write_bytes(b"precious")
    answers["question"] = QMessageBox.StandardButton.No
    names += [other, path]
    window.save_as()
    window.save_as()
    assert other.read_bytes() == b"precious"
    assert (np.asarray(Image.open(path)) == pixels).all()
    assert ["other.png" in answers["asked"][0], "original" in answers["asked"][1]] == [True, True]
    answers["question"] = QMessageBox.StandardButton.Yes
    names.append(other)
    window.save_as()
    wait_until_idle(qtbot, window)
    assert images.read_image(other).pixels.shape == pixels.shape
    window.save()  # the same name again, and no question
    wait_until_idle(qtbot, window)
    assert len(answers["asked"]) == 3


def test_closing_with_unsaved_work_asks(opened, answers, names, qtbot, tmp_path):
    from PySide6.QtWidgets import QMessageBox

    window, _, _ = opened
    assert window.isWindowModified()
    answers["warning"] = QMessageBox.StandardButton.Cancel
    assert not window.close()
    assert "noisy.png" in answers["asked"][0]
    assert window.engine.isRunning()
    answers["warning"] = QMessageBox.StandardButton.Save
    names.append(tmp_path / "saved.jpg")
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=SLOW)
    assert Image.open(tmp_path / "saved.jpg").format == "JPEG"


def test_a_picture_that_exif_turns_is_seen_upright_and_saved_as_it_was(window, qtbot, names, tmp_path, denoiser):
    pixels = noisy(200, 320)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    window.open_paths([tmp_path / "turned.png"])
    wait_until_shown(qtbot, window)
    window.actions_.whole.trigger()
    window.view.move_divider(0)
    clean = denoiser.clean(pixels)
    assert close_to(seen_part(window.view, slice(0, 320), slice(0, 200))[70:250], upright(clean, 6)[70:250])
    names.append(tmp_path / "out.png")
    window.save_as()
    wait_until_idle(qtbot, window)
    saved = images.read_image(tmp_path / "out.png")
    assert saved.metadata.orientation == 6
    assert close_to(saved.pixels, clean)
    window.saving.metadata.setChecked(False)
    names.append(tmp_path / "bare.png")
    window.save_as()
    wait_until_idle(qtbot, window)
    bare = images.read_image(tmp_path / "bare.png")
    assert bare.metadata == Metadata()
    assert close_to(bare.pixels, upright(clean, 6))


def test_fifty_megapixels(window, qtbot, tmp_path):
    from PySide6.QtCore import QPoint, Qt

    height, width = 5774, 8660
    square = noisy(722, 866)
    pixels = np.tile(square, (8, 10, 1))[:height, :width]
    path = tmp_path / "large.ppm"
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels.tobytes())
    window.open_paths([path])
    qtbot.waitUntil(lambda: bool(window.session.document) and window.session.share > 0, timeout=SLOW)
    assert window.size_label.text() == "8660 x 5774"
    view = window.view
    window.actions_.whole.trigger()
    made = []
    make = view._tiles._make
    view._tiles._make = lambda *words: made.append(words) or make(*words)
    for _ in range(5):
        qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 300))
        qtbot.mouseMove(view, QPoint(40, 250))
        qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(40, 250))
        view.grab()
    assert len(made) < 60, "only what is seen is scaled"
    assert {words[1] for words in made} == {0}
    rows, columns = view.viewport.seen()
    part = slice(rows.start + 60, rows.start + 300), slice(columns.start + 20, columns.start + 200)
    assert close_to(seen_part(view, *part), pixels[part])
    right = slice(view.viewport.seen()[1].stop - 150, view.viewport.seen()[1].stop - 60)
    canvas = window.session.canvas(window.session.active)
    middle = slice(rows.start + 200, rows.start + 300)
    qtbot.waitUntil(lambda: canvas.is_done((middle, right)), timeout=SLOW)
    assert not canvas.complete
    # The worker is done a moment before the view has been told, and until then the part may be dark.
    qtbot.waitUntil(lambda: seen_part(view, middle, right).std() < pixels[middle, right].std(), timeout=SLOW)
    assert not close_to(seen_part(view, middle, right), pixels[middle, right])


def test_the_last_folder_is_remembered(opened, qtbot, answers):
    from denoise_ae.desktop.window import MainWindow

    window, _, path = opened
    window.resize(720, 560)
    window.close()
    other = MainWindow(threads=1)
    assert other.folder == path.parent
    assert other.size() == window.size()
    other.close()


def test_a_result_that_was_interrupted_is_not_kept(denoiser):
    """What the engine relies on: an interrupt gives no residual, not a part of one."""
    from denoise_ae.modelfiles.runtime import Interrupt
    from denoise_ae.pixels.masked import MaskedImage

    interrupt = Interrupt()
    interrupt.set()
    with pytest.raises(Interrupted):
        denoiser.residual(MaskedImage(noisy(40, 40)), (slice(0, 40), slice(0, 40)), interrupt=interrupt)


def test_every_control_can_be_named(window):
    """A screen reader finds a name for each control that takes the focus."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QComboBox, QLineEdit, QProgressBar, QTableView

    kinds = (QAbstractButton, QAbstractSlider, QComboBox, QTableView, QProgressBar, QLineEdit)
    nameless = [
        widget
        for kind in kinds
        for widget in window.findChildren(kind)
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not widget.accessibleName()
        and not getattr(widget, "text", lambda: "")()
        and not widget.objectName().startswith("qt_")
    ]
    assert nameless == []
    assert window.view.accessibleName()


def test_keys_lead_to_the_settings(window, qtbot):
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    window.activateWindow()
    for key, place in (
        (Qt.Key.Key_N, window.settings_panel.automatic),
        (Qt.Key.Key_T, window.settings_panel.strength),
        (Qt.Key.Key_M, window.settings_panel.model),
        (Qt.Key.Key_O, window.saving.format),
    ):
        window.view.setFocus()
        qtbot.keyClick(window, key, Qt.KeyboardModifier.AltModifier)
        assert QApplication.focusWidget() is place


def test_menus_have_keys_for_what_is_done_often(window):
    actions = window.actions_
    for action in (actions.open, actions.save, actions.save_as, actions.copy, actions.paste, actions.fit):
        assert not action.shortcut().isEmpty(), action.text()


def test_the_file_dialogs_answer_may_lack_an_ending(opened, names, qtbot, tmp_path):
    window, _, _ = opened
    names.append(Path(tmp_path / "plain"))
    window.save_as()
    wait_until_idle(qtbot, window)
    assert Image.open(tmp_path / "plain.png").format == "PNG"
