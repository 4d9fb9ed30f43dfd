"""``encode``, ``decode`` and ``generate`` as a user types them."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from loaded import HEAVY, loaded_by
from PIL import Image
from tiny import codec_card, coding, pattern

import denoise_ae
from denoise_ae import Codec, Denoiser, load_codes, save_codes
from denoise_ae.codes.archive import Codes, PictureCodes
from denoise_ae.imagefiles import images

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SHEET = SAMPLES / "clean" / "digits.png"


def read(path):
    return images.read_image(path).pixels


def save_digits(folder, count=3, side=28):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(pattern(side, side, 1, seed=number)).save(folder / f"{number}.png")


def test_from_pictures_to_codes_and_back_without_torch(tmp_path):
    """In a process of its own, with the shipped model: what comes back is what clean makes of the pictures."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    sheet = read(SHEET)
    Image.fromarray(sheet).save(tmp_path / "in" / "sheet.png")
    Image.fromarray(sheet[:28, :28]).save(tmp_path / "in" / "sub" / "Ziffer é.png")
    (tmp_path / "torch.py").write_text("raise ImportError('there is no torch')")
    settings = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(denoise_ae.__file__).parents[1])])}
    for words in (
        "encode in -r -o codes.npz --model digits",
        "decode codes.npz -o out",
        "clean in -r -o cleaned --model digits",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "denoise_ae", *words.split()],
            cwd=tmp_path,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as codes:
        assert codes["codes"].shape == (sheet.size // 784 + 1, 64)
        assert sorted(codes["names"].tolist()) == ["sheet.png", "sub/Ziffer é.png"]
    for name in ("sheet.png", "sub/Ziffer é.png"):
        assert np.abs(read(tmp_path / "out" / name).astype(int) - read(tmp_path / "cleaned" / name)).max() <= 1


def test_nothing_of_it_loads_torch(place, network):
    save_digits(place / "in")
    program = "import sys; from denoise_ae.cli import main; main(sys.argv[1:])"
    allowed = HEAVY - {"torch", "lightning", "onnx", "matplotlib", "skimage", "PySide6"}
    for words in (
        ["encode", place / "in", "-o", place / "a.npz", "--model", network("codec")],
        ["decode", place / "a.npz", "-o", place / "out", "--model", network("codec")],
        ["generate", "-o", place / "grid.png", "--model", network("drawing")],
    ):
        assert loaded_by(program, *map(str, words)) & HEAVY <= allowed
    assert len(list((place / "out").iterdir())) == 3
    assert (place / "grid.png").exists()


def test_the_two_halves_of_the_shipped_model_make_the_whole():
    sheet = read(SHEET)
    codec = Codec("digits")
    codes = codec.encode(sheet)
    assert codes.dtype == np.float32 and codes.shape == (sheet.size // 784, codec.card.latent) == (20, 64)
    decoded = codec.decode(codes, sheet.shape)
    cleaned = Denoiser("digits").clean(sheet.astype(np.float32) / 255).clip(0, 1)
    assert np.abs(decoded - cleaned).max() < 1e-5
    row, column = divmod(7, sheet.shape[1] // 28)
    assert np.abs(codec.decode(codes[7:8]) - decoded[28 * row :, 28 * column :][:28, :28]).max() < 1e-5


def test_a_bad_picture_stops_no_other_and_is_named(run, place, network):
    save_digits(place / "in")
    (place / "in" / "broken.png").write_bytes(b"\x89PNG cut")
    Image.fromarray(pattern(30, 28, 1)).save(place / "in" / "large.png")
    status, out, err = run("encode", "in", "gone.png", "-o", "a.npz", "--model", network("codec"))
    assert (status, out) == (1, "")
    assert err.count("error: ") == 3
    for words in ("broken.png", "large.png: the picture is 28 x 30 pixels", "gone.png: no such file"):
        assert words in err
    assert "3 pictures, 3 codes of 4 numbers in a.npz; 3 failed" in err
    assert [picture.name for picture in load_codes(place / "a.npz").pictures] == ["0.png", "1.png", "2.png"]


def test_where_nothing_can_be_encoded_nothing_is_written(run, place, network):
    save_digits(place / "in", side=30)
    status, _, err = run("encode", "in", "-o", "a.npz", "--model", network("codec"), "--quiet")
    assert status == 1
    assert err.count("error: ") == err.count("hint: ") == 3
    assert not (place / "a.npz").exists()


def test_depths_channels_and_turned_pictures(run, place, network):
    """The same digit in 16 bits, in colour, with alpha and lying on its side has the same code."""
    upright = pattern(28, 28, 1)
    Image.fromarray(upright).save("gray.png")
    Image.fromarray(upright.astype(np.uint16) * 257).save("deep.png")
    Image.fromarray(np.dstack([upright] * 3)).save("colour.png")
    Image.fromarray(np.dstack([upright] * 3 + [np.full_like(upright, 9)])).save("alpha.png")
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter to the right
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save("turned.png", exif=exif)
    names = ("gray", "deep", "colour", "alpha", "turned")
    status, _, err = run("encode", *(f"{name}.png" for name in names), "-o", "a.npz", "--model", network("codec"))
    assert status == 0, err
    first, *others = load_codes(place / "a.npz").pictures
    for other in others:
        assert np.abs(other.codes - first.codes).max() < 1e-3, other.name


def test_decode_names_files_and_folders_as_people_mean_them(run, place, network):
    save_digits(place / "in" / "sub", 2)
    model = network("codec")
    run("encode", "in", "-r", "-o", "a.npz", "--model", model)
    assert run("decode", "a.npz", "-o", "out", "--model", model)[0] == 0
    assert run("decode", "a.npz", "-o", "webp", "--format", "webp", "--model", model)[0] == 0
    assert {str(path.relative_to(place)) for path in place.glob("*/sub/*") if "in" not in path.parts} == {
        *("out/sub/0.png", "out/sub/1.png", "webp/sub/0.webp", "webp/sub/1.webp"),
    }
    run("encode", "in/sub/0.png", "-o", "one.npz", "--model", model)
    assert run("decode", "one.npz", "-o", "one.tif", "--model", model)[0] == 0
    assert np.array_equal(read(place / "one.tif"), read(place / "out/sub/0.png"))


def test_nothing_is_replaced_unless_told_to(run, place, network):
    save_digits(place / "in", 2)
    model = network("codec")
    run("encode", "in", "-o", "a.npz", "--model", model)
    before = (place / "a.npz").read_bytes()
    status, _, err = run("encode", "in/0.png", "-o", "a.npz", "--model", model)
    assert status == 1 and "a.npz: exists already" in err and "--overwrite" in err
    assert (place / "a.npz").read_bytes() == before
    (place / "out").mkdir()
    (place / "out" / "0.png").write_text("mine")
    status, _, err = run("decode", "a.npz", "-o", "out", "--model", model)
    assert status == 1 and "0.png: exists already" in err and "1 picture into out; 1 failed" in err
    assert (place / "out" / "0.png").read_text() == "mine"
    assert (place / "out" / "1.png").exists()
    assert run("decode", "a.npz", "-o", "out", "--model", model, "--overwrite")[0] == 0
    assert read(place / "out" / "0.png").shape == (28, 28)
    status, _, err = run("generate", "-o", "out/0.png", "--model", network("drawing"))
    assert status == 1 and "exists already" in err


def test_codes_of_another_model_are_refused_and_so_are_those_of_none(run, place, network, save):
    save_digits(place / "in", 1)
    twin = coding(codec_card("codec"))
    twin.doc_string = "computes the same, and is another file"
    other = save(twin, "codec")
    run("encode", "in", "-o", "a.npz", "--model", network("codec"))
    status, _, err = run("decode", "a.npz", "-o", "out", "--model", other)
    assert status == 1 and "the codes are of another model" in err and "hint: give the model that" in err
    status, _, err = run("decode", "a.npz", "-o", "out")
    assert status == 1 and "of model codec, which is not installed" in err and "--model" in err
    status, _, err = run("decode", "a.npz", "-o", "out", "--model", "digits-skip")
    assert status == 1 and "its skip connections bypass any code" in err
    status, _, err = run("encode", "in", "-o", "b.npz", "--model", network("cell"))
    assert status == 1 and "its file holds none" in err
    assert not (place / "out").exists() and not (place / "b.npz").exists()


def test_a_model_that_was_added_is_found_by_the_name_in_the_codes(run, place, network):
    save_digits(place / "in", 1)
    assert run("models", "add", network("codec"), "--name", "mine")[0] == 0
    assert run("encode", "in", "-o", "a.npz", "--model", "mine")[0] == 0
    assert run("decode", "a.npz", "-o", "out")[0] == 0
    assert (place / "out" / "0.png").exists()


@pytest.mark.parametrize("name", ["../evil.png", "/tmp/evil.png", "sub/../../evil.png"])
def test_names_in_a_file_of_codes_lead_nowhere_else(run, place, network, name):
    save_digits(place / "in", 2)
    model = network("codec")
    run("encode", "in", "-o", "a.npz", "--model", model)
    codes = load_codes(place / "a.npz")
    first, second = codes.pictures
    evil = Codes((PictureCodes(name, first.size, first.codes), second), codes.model, codes.sha256, codes.cell)
    save_codes(place / "evil.npz", evil)
    status, _, err = run("decode", "evil.npz", "-o", "deep/out", "--model", model)
    assert status == 1 and "leads out of the output folder" in err
    assert not list(place.rglob("evil.png")) and not Path("/tmp/evil.png").exists()
    assert (place / "deep" / "out" / "1.png").exists()


@pytest.mark.parametrize(
    ("second", "words", "target"), [("a.png", [], "a.png"), ("a.webp", ["--format", "tif"], "a.tif")]
)
def test_two_codes_that_would_become_one_file_are_both_refused(run, place, network, second, words, target):
    save_digits(place / "in", 3)
    model = network("codec")
    run("encode", "in", "-o", "a.npz", "--model", model)
    codes = load_codes(place / "a.npz")
    parts = [
        PictureCodes(name, part.size, part.codes)
        for name, part in zip(("a.png", second, "c.png"), codes.pictures, strict=True)
    ]
    save_codes(place / "b.npz", Codes(tuple(parts), codes.model, codes.sha256, codes.cell))
    status, _, err = run("decode", "b.npz", "-o", "out", "--model", model, *words)
    assert status == 1 and err.count(f"{Path('out', target)} would come from") == 2, err
    assert [path.stem for path in (place / "out").iterdir()] == ["c"]


def test_one_picture_into_a_file_whose_name_contradicts_the_format(run, place, network):
    save_digits(place / "in", 1)
    model = network("codec")
    run("encode", "in", "-o", "a.npz", "--model", model)
    status, _, err = run("decode", "a.npz", "-o", "one.png", "--format", "tif", "--model", model)
    assert status == 2 and "--format tif contradicts the output one.png" in err
    assert not (place / "one.png").exists()


@pytest.mark.parametrize("model", ["/etc/passwd", "../sly.onnx", "sly.onnx", "\x1b[2J"])
def test_a_model_named_in_a_file_of_codes_is_never_taken_for_a_path(run, place, model):
    picture = PictureCodes("a.png", (28, 28), np.zeros((1, 4), np.float32))
    save_codes(place / "a.npz", Codes((picture,), model, "", (28, 28)))
    status, _, err = run("decode", "a.npz", "-o", "out")
    assert status == 1 and "of no installed model" in err
    assert "\x1b" not in err


def test_two_pictures_of_one_name_are_both_refused(run, place, network):
    for folder in ("a", "b"):
        save_digits(place / folder, 1)
    status, _, err = run("encode", "a", "b/0.png", "-o", "c.npz", "--model", network("codec"))
    assert status == 1 and err.count("0.png would come from") == 2
    assert not (place / "c.npz").exists()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["encode", "in", "-o", "a.txt"], 2, "ends with .npz"),
        (["encode", "", "-o", "a.npz"], 2, "an empty word"),
        (["encode", "in", "-o", "nowhere/a.npz"], 1, "nowhere/a.npz"),
        (["encode", "in", "-o", "a.npz", "--model", "nobody"], 1, "no model named nobody"),
        (["encode", "empty", "-o", "a.npz"], 1, "no pictures in this folder"),
        (["decode", "in/0.png", "-o", "out"], 1, "no whole file of codes"),
        (["decode", "gone.npz", "-o", "out"], 1, "gone.npz"),
        (["generate", "-o", "a.txt"], 1, "can't be written as this"),
        (["generate", "-o", "a.png", "-n", "0"], 2, "-n"),
        (["generate", "-o", "a.png", "--model", "digits"], 2, "follow no known distribution"),
        (["generate", "-o", "a.png", "--model", "photo"], 1, "no latent code"),
    ],
)
def test_bad_words_are_one_line_and_a_hint(run, place, words, status, message):
    save_digits(place / "in", 1)
    (place / "empty").mkdir()
    ended, out, err = run(*words)
    assert (ended, out) == (status, ""), err
    assert message in err and "Traceback" not in err
    assert {path.name for path in place.iterdir()} == {"in", "empty"}


def test_generate_draws_the_same_for_the_same_seed_and_walks(run, place, network):
    model = network("drawing")
    for name, more in (("a", []), ("b", []), ("c", ["--seed", 1]), ("walk", ["--walk", 5])):
        status, _, err = run("generate", "-n", 10, "-o", f"{name}.png", "--model", model, *more)
        assert status == 0, err
    a, b, c, walk = (read(place / f"{name}.png") for name in ("a", "b", "c", "walk"))
    assert a.shape == (3 * 28, 4 * 28)
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert (a[56:, 56:] == 0).all(), "two cells are left over"
    assert walk.shape == (2 * 28, 5 * 28)
    cells = [walk[:28, 28 * step : 28 * step + 28].astype(float) for step in range(5)]
    ends = np.abs(cells[4] - cells[0]).mean()
    assert all(0 < np.abs(a - b).mean() < ends for a, b in pairwise(cells))


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def test_encode_and_decode_tell_in_json_what_became_of_each_picture(run, place, network):
    save_digits(place / "in", 2)
    (place / "in" / "broken.png").write_bytes(b"\x89PNG cut")
    model = network("codec")
    status, out, err = run("encode", "in", "-o", "a.npz", "--model", model, "--json")
    assert status == 1
    assert err.startswith("error: ") and "encoded" not in err and "model codec" not in err
    *pictures, summary = lines(out)
    by_name = {picture["name"]: picture for picture in pictures}
    assert by_name.keys() == {"0.png", "1.png", "broken.png"}
    broken = by_name.pop("broken.png")
    assert broken["status"] == "failed" and broken["error"] in err and broken["hint"] in err
    for name, picture in by_name.items():
        assert picture == {"file": str(Path("in") / name), "name": name, "status": "encoded", "codes": 1}
    assert summary == {
        **{"status": "summary", "output": "a.npz", "encoded": 2, "codes": 2, "numbers": 4},
        **{"failed": 1, "model": "codec", "device": "cpu"},
    }
    (place / "out").mkdir()
    (place / "out" / "0.png").write_text("mine")
    status, out, err = run("decode", "a.npz", "-o", "out", "--model", model, "--json")
    assert status == 1 and err.count("error: ") == 1
    first, second, summary = lines(out)
    assert first["name"] == "0.png" and first["status"] == "failed" and "exists already" in first["error"]
    assert second == {"name": "1.png", "output": str(Path("out") / "1.png"), "status": "decoded"}
    assert (place / second["output"]).exists()
    assert summary == {
        **{"status": "summary", "file": "a.npz", "decoded": 1, "failed": 1, "model": "codec", "device": "cpu"},
    }


def test_where_nothing_can_be_encoded_json_names_no_file(run, place, network):
    save_digits(place / "in", 1, side=30)
    status, out, _ = run("encode", "in", "-o", "a.npz", "--model", network("codec"), "--json")
    picture, summary = lines(out)
    assert status == 1 and picture["status"] == "failed"
    assert summary["output"] is None and summary["encoded"] == summary["codes"] == 0
    status, _, err = run("encode", "in", "-o", "a.npz", "--model", network("codec"))
    assert status == 1 and "no file was written; 1 failed" in err


def test_generate_tells_in_json_how_its_sheet_is_laid_out(run, place, network):
    words = ("-n", 10, "-o", "a.png", "--model", network("drawing"), "--seed", 3, "--spread", 0.5, "--json")
    status, out, err = run("generate", *words)
    assert (status, err) == (0, "")
    (made,) = lines(out)
    facts = {"status": "generated", "pictures": 10, "seed": 3, "spread": 0.5, "model": "drawing", "device": "cpu"}
    assert made == {"output": "a.png", "columns": 4, "rows": 3, "cell": [28, 28]} | facts
    height, width = made["cell"]
    assert read(place / made["output"]).shape == (made["rows"] * height, made["columns"] * width)
