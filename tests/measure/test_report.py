"""The benchmark's table and chart."""

import io
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from denoise_ae.errors import PackageError
from denoise_ae.measure import report
from denoise_ae.measure.benchmark import NOISY, Summary
from denoise_ae.measure.report import check_matplotlib, draw_chart, markdown

ROWS = [
    Summary(NOISY, 25.0, 68, 20.17, 0.4, None),
    Summary("BM3D", 25.0, 68, 30.712, 0.87, 0.0312),
    Summary("photo", 25.0, 68, 30.7, 0.87651, 1.536),
    Summary("photo-fast", 25.0, 68, 30.4, 0.87, 12.0),
]


def test_the_table_has_a_line_for_each_method():
    assert markdown(ROWS) == (
        "| noise | method | pictures | PSNR dB | SSIM | MP/s |\n"
        "| --- | --- | ---: | ---: | ---: | ---: |\n"
        "| 25 | noisy | 68 | 20.17 | 0.4000 |  |\n"
        "| 25 | BM3D | 68 | 30.71 | 0.8700 | 0.031 |\n"
        "| 25 | photo | 68 | 30.70 | 0.8765 | 1.54 |\n"
        "| 25 | photo-fast | 68 | 30.40 | 0.8700 | 12.00 |\n"
    )


def test_notes_stand_below_the_table():
    assert markdown(ROWS[:1], ["one", "two"]).endswith(" |\n\none\n\ntwo\n")


def test_names_do_not_break_the_table():
    table = markdown([Summary("a|b_*c*.onnx", None, 1, math.inf, 1.0, 1.0)])
    assert "| real | a\\|b\\_\\*c\\*.onnx | 1 | inf |" in table


def drawn_texts(svg):
    """The chart's texts: matplotlib writes each as a comment beside its outlines."""
    ElementTree.fromstring(svg)
    return re.findall(r"<!-- (.*?) -->", svg.decode())


def test_every_method_with_a_speed_is_named_in_the_chart():
    texts = drawn_texts(draw_chart(ROWS, ["photo", "photo-fast"], "CBSD68: 68 pictures", "svg"))
    assert {"BM3D", "photo", "photo-fast", "CBSD68: 68 pictures"} <= set(texts)
    assert "noise of standard deviation 25 (noisy: 20.17 dB)" in texts
    assert NOISY not in texts


def test_models_look_unlike_the_others():
    colours = [re.findall("#0072b2|#d55e00", draw_chart(ROWS, names, "", "svg").decode()) for names in ([], ["photo"])]
    assert "#0072b2" not in colours[0]
    assert set(colours[1]) == {"#0072b2", "#d55e00"}


def test_each_level_has_a_panel():
    rows = [Summary("photo", sigma, 1, 30.0, 0.9, 1.0) for sigma in (5.0, 15.0, 25.0, None)]
    texts = drawn_texts(draw_chart(rows, ["photo"], "", "svg"))
    assert texts.count("photo") == texts.count("PSNR (dB)") == 4
    assert {"noise of standard deviation 5", "real noise"} <= set(texts)


def test_a_chart_is_a_picture_and_always_the_same():
    charts = [draw_chart(ROWS, ["photo"], "title", "png") for _ in range(2)]
    with Image.open(io.BytesIO(charts[0])) as picture:
        assert np.asarray(picture).std() > 10
    assert charts[0] == charts[1]
    vectors = [draw_chart(ROWS, ["photo"], "title", "svg") for _ in range(2)]
    assert vectors[0] == vectors[1]


def test_what_has_no_place_in_a_chart_is_left_out():
    rows = [Summary("same", 25.0, 1, math.inf, 1.0, 1.0), *ROWS]
    assert "same" not in drawn_texts(draw_chart(rows, [], "", "svg"))
    assert drawn_texts(draw_chart(ROWS[:1], [], "", "svg"))


def test_names_are_no_formulas_and_long_ones_are_cut():
    long = "runs/" + "a" * 300 + "/best.onnx"
    rows = [Summary(name, 25.0, 1, 30.0, 0.9, 1.0) for name in ("$x^", long)]
    texts = drawn_texts(draw_chart(rows, [], "$y^", "svg"))
    assert {"$x^", "$y^"} <= set(texts)
    (cut,) = (text for text in texts if text.endswith("best.onnx"))
    assert len(cut) < 30


def test_methods_of_equal_figures_are_named_beside_each_other():
    """Their names, whose places the SVG holds as translations, do not cover each other."""
    rows = [Summary(name, 25.0, 1, 30.0, 0.9, 1.0) for name in ("first", "second", "third")]
    svg = draw_chart(rows, [], "", "svg").decode()
    places = {
        name: tuple(map(float, re.search(rf"<!-- {name} -->\s*<g[^>]*translate\(([-\d.]+) ([-\d.]+)\)", svg).groups()))
        for name in ("first", "second", "third")
    }
    for name, (x, y) in places.items():
        for other, (other_x, other_y) in places.items():
            assert name == other or abs(x - other_x) > 30 or abs(y - other_y) > 8


def test_a_chart_without_matplotlib(monkeypatch):
    check_matplotlib()
    monkeypatch.setattr(report, "find_spec", lambda _name: None)
    with pytest.raises(PackageError, match="matplotlib") as error:
        check_matplotlib()
    assert "pip install 'denoise-ae[bench]'" in error.value.hint
