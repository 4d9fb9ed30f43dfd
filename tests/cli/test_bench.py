"""``denoise-ae bench`` as a user types it: real files, a tiny ONNX model."""

import json
import math
import sys

import numpy as np
import pytest
from PIL import Image
from tiny import Graph


def ramp(*shape):
    """A soft gradient far enough from black and white that noise is not cut."""
    return (np.linspace(0.3, 0.7, math.prod(shape)).reshape(shape) * 255).astype(np.uint8)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def model(save):
    """An ONNX file that gives each pixel the mean of its 3 x 3 neighbours."""
    graph = Graph()
    mean = graph.add("Conv", "image", np.full((3, 1, 3, 3), 1 / 9, np.float32), pads=[1] * 4, group=3)
    return save(graph.model(mean), "blur")


@pytest.fixture
def folder(place):
    for index, channels in enumerate([(), (3,)]):
        write(place / "set" / f"{index}.png", ramp(48, 64 + index, *channels))
    return place / "set"


@pytest.fixture
def bench(run, folder, model):
    """Run the command on two pictures at one level."""

    def bench(*words, status=0):
        done = run("bench", "set", "--model", model, "--sigma", 25, "--threads", 1, *words)
        assert done[0] == status, done[2]
        return done[1:]

    return bench


def test_a_table(run, folder, model):
    status, out, error = run("bench", "set", "--model", model, "--sigma", 15, "--sigma", 25, "--threads", 1)
    assert status == 0
    rows = [line.split() for line in out.splitlines() if line.strip()]
    assert rows[0][:2] == ["noise", "method"]
    assert [row[0] for row in rows[1:]] == ["15"] * 3 + ["25"] * 3
    assert [row[1] for row in rows[1:4]] == ["noisy", "non-local", str(model)]
    assert float(rows[1][3]) == pytest.approx(24.6, abs=0.2)
    assert "blur.onnx on cpu" in error.replace("\n", "")


def test_json_has_every_picture(bench, model):
    words = ["--json", "--quiet"]
    out, error = bench(*words)
    assert error == ""
    figures = json.loads(out)
    assert (figures["level"], figures["seed"], figures["pairs"]) == ("told", 0, False)
    assert len(figures["pictures"]) == 2 * 3
    noisy, _, blurred = figures["results"]
    assert (blurred["method"], blurred["pictures"], blurred["sigma"]) == (str(model), 2, 25)
    assert blurred["psnr"] > noisy["psnr"] + 3  # a mean of nine, but for the dark rim
    assert blurred["psnr"] == pytest.approx(
        np.mean([each["psnr"] for each in figures["pictures"] if each["method"] == str(model)])
    )
    assert blurred["megapixels_a_second"] > 0
    assert noisy["megapixels_a_second"] is None
    again = json.loads(bench(*words)[0])
    assert [each["psnr"] for each in again["pictures"]] == [each["psnr"] for each in figures["pictures"]]


def test_limit_takes_the_first(bench):
    figures = json.loads(bench("--json", "--limit", 1, "--level", "auto")[0])
    assert {each["picture"] for each in figures["pictures"]} == {"0.png"}
    assert figures["level"] == "auto"
    assert json.loads(bench("--json", "--limit", 1, "--level", "adapt")[0])["level"] == "adapt"


def test_pairs(run, place, model):
    for index in range(2):
        clean = ramp(48, 64, 3)
        write(place / "real" / f"{index}_mean.png", clean)
        write(place / "real" / f"{index}_real.png", clean + np.uint8(10))
    words = ["bench", "real", "--pairs", "--model", model]
    status, out, _ = run(*words, "--json")
    assert status == 0
    figures = json.loads(out)
    assert (figures["level"], figures["results"][0]["sigma"]) == ("auto", None)
    assert figures["results"][0]["psnr"] == pytest.approx(20 * math.log10(25.5), abs=1e-3)
    assert "real" in run(*words, "--table", "real.md")[1]
    assert "real: 2 pictures, noise level estimated; " in (place / "real.md").read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "no folder of pictures"),
        (["set", "set"], "too many folders"),
        (["set", "--sigma", "0"], "adds no noise"),
        (["set", "--sigma", "nan"], "gaussian level of nan"),
        (["set", "--sigma", "-5"], "gaussian level of -5"),
        (["set", "--pairs", "--sigma", "25"], "real noise is unknown"),
        (["set", "--pairs", "--level", "told"], "real noise is unknown"),
        (["set", "--baseline", "median"], "choose from nlm, wavelet, tv, bm3d, all, none"),
        (["set", "--baseline", "none", "--baseline", "tv"], "--baseline none"),
        (["set", "--table", "table.txt"], "end the name with .md"),
        (["set", "--chart", "chart.jpg"], "end the name with .png or .svg"),
        (["set", "--chart", "chart"], "end the name with .png or .svg"),
    ],
)
def test_wrong_usage(run, folder, words, complaint):
    status, _, error = run("bench", *words)
    assert status == 2
    assert complaint in error


def test_folders_and_models_that_are_not_there(run, folder, model):
    for words, name in ((["nowhere", "--model", model], "nowhere"), (["set", "--model", "nomodel"], "nomodel")):
        status, _, error = run("bench", *words)
        assert status == 1
        assert name in error
        assert "Traceback" not in error


# Baselines


def measured(out):
    return [each["method"] for each in json.loads(out)["results"]]


def test_baselines_are_measured_before_the_models(bench, model):
    for module in ("pywt", "skimage.restoration"):
        pytest.importorskip(module)
    out, _ = bench("--baseline", "tv", "--baseline", "wavelet", "--json")
    assert measured(out) == ["noisy", "wavelet", "total variation", str(model)]
    noisy, *restored = json.loads(out)["results"]
    assert all(each["psnr"] > noisy["psnr"] + 3 for each in restored)


def test_no_baselines(bench, model):
    assert measured(bench("--baseline", "none", "--json")[0]) == ["noisy", str(model)]


def test_all_names_what_is_absent_and_goes_on(bench, monkeypatch, place):
    for module in ("bm3d", "skimage.restoration"):
        monkeypatch.setitem(sys.modules, module, None)
    out, error = bench("--baseline", "all", "--json", "--table", "table.md")
    assert measured(out)[:2] == ["noisy", "non-local means"]
    assert json.loads(out)["absent"].keys() == {"wavelet", "total variation", "BM3D"}
    table = (place / "table.md").read_text()
    for title in ("wavelet", "total variation", "BM3D"):
        assert f"absent: {title}: " in error
        assert f"Not measured: {title}: " in table
    for text in (json.loads(out)["absent"]["BM3D"], error):
        assert "pip install 'denoise-ae[bench]'" in text
    assert "absent" not in bench("--baseline", "all", "--quiet")[1]


def test_one_named_but_absent_is_an_error(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    out, error = bench("--baseline", "bm3d", status=1)
    assert out == ""
    assert "error: --baseline bm3d: bm3d can't be imported" in error
    assert "hint: install it with: pip install 'denoise-ae[bench]'" in error


# Table and chart as files


def test_table_and_chart_are_written_beside_the_usual_output(bench, place, model):
    pytest.importorskip("matplotlib")
    out, _ = bench("--table", "table.md", "--chart", "chart.PNG", "--json")
    assert measured(out) == ["noisy", "non-local means", str(model)]
    lines = (place / "table.md").read_text().splitlines()
    assert lines[0].startswith("| noise | method |")
    noisy = json.loads(out)["results"][0]
    assert lines[2] == f"| 25 | noisy | 2 | {noisy['psnr']:.2f} | {noisy['ssim']:.4f} |  |"
    assert lines[-1].startswith("set: 2 pictures, noise level given, seed 0; denoise-ae ")
    with Image.open(place / "chart.PNG") as chart:
        assert chart.format == "PNG"
    bench("--chart", "chart.svg")
    assert "<!-- set: 2 pictures, noise level given -->" in (place / "chart.svg").read_text()


@pytest.mark.parametrize(("option", "name"), [("--table", "table.md"), ("--chart", "chart.svg")])
def test_files_are_replaced_only_when_asked(bench, place, option, name):
    pytest.importorskip("matplotlib")
    (place / name).write_text("mine")
    out, error = bench(option, name, status=1)
    assert (out, (place / name).read_text()) == ("", "mine")
    assert f"{name}: exists already" in error
    assert "--overwrite" in error
    bench(option, name, "--overwrite")
    assert (place / name).read_text() != "mine"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--table", "nowhere/table.md"], "nowhere/table.md: can't be written: the folder does not exist"),
        (["--chart", "set/0.png/chart.png"], "a part of the path is a file"),
        (["--table", "a" * 300 + ".md"], "the name is too long"),
        (["--chart", "set/1.png", "--overwrite", "--limit", "1"], "the output is an input itself"),
    ],
)
def test_bad_places_are_found_before_the_measuring(bench, folder, words, complaint, monkeypatch):
    def too_early(*_arguments, **_options):
        pytest.fail("measured although the result can't be kept")

    monkeypatch.setattr("denoise_ae.measure.benchmark.measure", too_early)
    before = (folder / "1.png").read_bytes()
    _, error = bench(*words, status=1)
    assert complaint in error.replace("\n", "")
    assert (folder / "1.png").read_bytes() == before


def test_a_chart_without_matplotlib_is_refused_early(bench, monkeypatch, place):
    monkeypatch.setattr("denoise_ae.measure.report.find_spec", lambda _name: None)
    out, error = bench("--chart", "chart.png", status=1)
    assert out == ""
    assert "error: a chart needs matplotlib" in error
    assert "hint: install it with: pip install 'denoise-ae[bench]'" in error
    bench("--table", "table.md")
    assert not (place / "chart.png").exists()
