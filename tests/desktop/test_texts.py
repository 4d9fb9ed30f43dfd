"""The window's texts in other languages, its start from the command line, and what may keep Qt from working."""

import ast
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from qt import needs_qt

ROOT = Path(__file__).resolve().parents[2]
DESKTOP = ROOT / "denoise_ae" / "desktop"
LANGUAGES = ("de", "zh_CN")


def texts() -> set[tuple[str, str]]:
    """Each text that the window's code has translated, with its context: the class in which it stands."""
    found = set()
    for path in DESKTOP.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for scope in [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]:
            for call in ast.walk(scope):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.tr":
                    found.add((scope.name, ast.literal_eval(call.args[0])))
        for call in ast.walk(tree):
            named = isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "translate"
            if named and all(isinstance(word, ast.Constant) for word in call.args[:2]):
                found.add((call.args[0].value, ast.literal_eval(call.args[1])))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    tree = ET.parse(DESKTOP / "translations" / f"denoise-ae_{language}.ts")
    there = {
        (context.findtext("name"), message.findtext("source")): message.find("translation")
        for context in tree.iter("context")
        for message in context.iter("message")
    }
    assert len(texts()) > 100
    assert texts() <= set(there), "run make translations"
    for (_, source), translation in there.items():
        assert translation.text, source
        assert "type" not in translation.attrib, source
        assert translation.text.count("{") == source.count("{"), source


@needs_qt
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(qapp, language):
    from PySide6.QtCore import QTranslator

    translator = QTranslator()
    assert translator.load(str(DESKTOP / "translations" / f"denoise-ae_{language}.qm"))
    tree = ET.parse(DESKTOP / "translations" / f"denoise-ae_{language}.ts")
    for context in tree.iter("context"):
        for message in context.iter("message"):
            said = translator.translate(context.findtext("name"), message.findtext("source"))
            assert said == message.findtext("translation"), "run make translations"


@needs_qt
def test_a_german_sees_german(qapp, qtbot):
    from PySide6.QtCore import QLocale

    from denoise_ae.desktop.app import translate
    from denoise_ae.desktop.window import MainWindow

    used = translate(qapp, QLocale(QLocale.Language.German))
    try:
        window = MainWindow(threads=1)
        assert window.menuBar().actions()[0].text() == "&Datei"
        assert window.saving.button.text() == "Speichern unter …"
        assert window.batch.start.text() == "Starten"
        assert "Fotos" in window.settings_panel.about.text()
        window.close()
    finally:
        for translator in used:
            qapp.removeTranslator(translator)


@needs_qt
def test_what_our_models_are_for_is_translated(qapp):
    from denoise_ae.desktop.model_texts import ours
    from denoise_ae.modelfiles import catalog

    offered = {model.card.description for model in catalog.models() if not model.card.takes_mask}
    assert offered <= set(ours()), "see desktop/models.py"


@needs_qt
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_each_key_of_the_keyboard_leads_to_one_place(qapp, qtbot, language):
    """Of menus, of what stands beside the picture, and of what is in each menu."""
    from PySide6.QtCore import QLocale
    from PySide6.QtWidgets import QLabel

    from denoise_ae.desktop.app import translate
    from denoise_ae.desktop.window import MainWindow

    used = translate(qapp, QLocale(language))
    try:
        window = MainWindow(threads=1)
        menus = [action.text() for action in window.menuBar().actions()]
        labels = [label for label in window.findChildren(QLabel) if label.buddy()]
        texts = [*menus, *(label.text() for label in labels)]
        groups = [texts, *([each.text() for each in menu.menu().actions()] for menu in window.menuBar().actions())]
        for group in groups:
            keys = [text[text.index("&") + 1].lower() for text in group if "&" in text]
            assert len(keys) == len(set(keys)), group
        assert len(labels) > 3
        for label in labels:
            assert label.buddy().focusPolicy().value, f"{label.text()} leads nowhere"
        window.close()
    finally:
        for translator in used:
            qapp.removeTranslator(translator)


@needs_qt
def test_about_names_versions_device_and_models(qapp):
    from denoise_ae import __version__
    from denoise_ae.desktop.about import about_text

    text = about_text({"photo": "cpu"})
    for part in (__version__, "photo: cpu", "digits-skip", "PySide6"):
        assert part in text


@needs_qt
def test_plugins_of_opencv_do_not_keep_the_window_from_opening(tmp_path):
    """As after `import cv2` from the wheel opencv-python, which brings a Qt of its own."""
    plugins = tmp_path / "cv2" / "qt" / "plugins"
    (plugins / "platforms").mkdir(parents=True)
    program = "from denoise_ae.desktop.app import make_application; print(make_application().platformName())"
    spoilt = os.environ | {"QT_QPA_PLATFORM_PLUGIN_PATH": str(plugins), "QT_QPA_PLATFORM": "offscreen"}
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env=spoilt, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "offscreen"


def test_without_pyside_one_line_says_what_to_install():
    program = "import sys; sys.modules['PySide6'] = None; from denoise_ae.cli import main; main(['desktop'])"
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'denoise-ae[desktop]'" in done.stderr
    assert "Traceback" not in done.stderr


@needs_qt
def test_the_command_opens_what_it_is_given(run, monkeypatch):
    from denoise_ae.desktop import app

    started = []
    monkeypatch.setattr(app, "start", lambda *words, **options: started.append((words, options)) or 0)
    assert run("desktop", "a.png", "b c.jpg", "--model", "digits", "--threads", 1)[0] == 0
    ((files, settings), options) = started[0]
    assert files == [Path("a.png"), Path("b c.jpg")]
    assert settings.model == "digits"
    assert options == {"device": "auto", "threads": 1}


@needs_qt
def test_a_colour_profile_is_shown_as_srgb(qapp, tmp_path):
    import numpy as np
    from PIL import Image
    from PySide6.QtGui import QColorSpace

    from denoise_ae.desktop.picture.document import open_file
    from denoise_ae.desktop.picture.tiles import Kind, Layer, Tiles

    profile = QColorSpace(QColorSpace.NamedColorSpace.DisplayP3).iccProfile().data()
    pixels = np.full((20, 20, 3), (200, 100, 50), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p3.png", icc_profile=bytes(profile))
    shown = Tiles(open_file(tmp_path / "p3.png")).get(Layer(Kind.ORIGINAL), 0, 0, 0).toImage().pixelColor(5, 5)
    assert (shown.red(), shown.green(), shown.blue()) != (200, 100, 50)
    assert shown.red() > 205  # the same colour takes more red in sRGB, which is narrower
