"""``denoise-ae repair`` as a user types it: the promises of ``clean``, and what a mask means."""

import json

import numpy as np
import pytest
from pages import add_specks, draw_page
from PIL import Image
from tiny import pattern

from denoise_ae import repair_file
from denoise_ae.errors import OutputError, UsageError
from denoise_ae.imagefiles import images

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def repair(run, network):
    """Run the command with a tiny model."""
    return lambda *words: run("repair", *words, "--model", network("filling"), "--threads", 1)


@pytest.fixture
def there(place):
    """a.png, and mask.png that marks a block of it; returns which pixels that are."""
    marked = np.zeros((HEIGHT, WIDTH), bool)
    marked[10:14, 20:30] = True
    Image.fromarray(pattern(HEIGHT, WIDTH)).save("a.png")
    Image.fromarray((marked * np.uint8(255)).astype(np.uint8)).save("mask.png")
    return marked


def pixels(name):
    return images.read_image(name).pixels


def test_what_the_mask_marks_is_filled_and_nothing_else(repair, there):
    status, out, err = repair("a.png", "--mask", "mask.png", "-o", "b.png")
    assert (status, out) == (0, "")
    assert "a.png -> b.png" in err and "1.67 % of the pixels filled" in err
    before, after = pixels("a.png"), pixels("b.png")
    assert (after[~there] == before[~there]).all()
    assert (after[there] != before[there]).any(axis=1).mean() > 0.9


def test_without_a_name_it_lies_beside_the_picture(repair, there, place):
    assert repair("a.png", "--mask", "mask.png")[0] == 0
    assert (place / "a-fixed.png").is_file()


@pytest.mark.parametrize("kind", ["gray", "rgb", "red", "alpha", "bool", "16 bit"])
def test_masks_of_all_kinds_mean_the_same(repair, there, kind):
    level = (there * np.uint8(255)).astype(np.uint8)
    made = {
        "gray": lambda: Image.fromarray(level),
        "rgb": lambda: Image.fromarray(np.dstack([level] * 3)),
        "red": lambda: Image.fromarray(np.dstack([level, level * 0, level * 0])),
        "alpha": lambda: Image.fromarray(np.dstack([level * 0 + 255] * 3 + [level])),
        "bool": lambda: Image.fromarray(there),
        "16 bit": lambda: Image.fromarray(level.astype(np.uint16) * 257),
    }
    made[kind]().save("m.png")
    repair("a.png", "--mask", "mask.png", "-o", "b.png")
    repair("a.png", "--mask", "m.png", "-o", "c.png")
    assert (pixels("b.png") == pixels("c.png")).all()


def test_depth_alpha_exif_and_icc_stay(repair, there):
    from PIL import ImageCms

    exif = Image.Exif()
    exif[0x010E] = "an old photograph"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pattern(HEIGHT, WIDTH, 4)).save("rgba.png", exif=exif, icc_profile=icc)
    assert repair("rgba.png", "--mask", "mask.png", "-o", "b.png")[0] == 0
    with Image.open("b.png") as result:
        assert result.mode == "RGBA"
        assert result.info["icc_profile"] == icc
        assert result.getexif()[0x010E] == "an old photograph"
    assert (pixels("b.png")[..., 3] == pixels("rgba.png")[..., 3]).all()
    Image.fromarray(pattern(HEIGHT, WIDTH, 1, np.uint16)).save("deep.png")
    assert repair("deep.png", "--mask", "mask.png", "-o", "deep-b.png")[0] == 0
    before, after = pixels("deep.png"), pixels("deep-b.png")
    assert after.dtype == np.uint16
    assert (after[~there] == before[~there]).all() and (after[there] != before[there]).any()


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_mask_fits_the_picture_as_it_is_seen(repair, there, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    seen = pixels("a.png")
    from denoise_ae.pixels.convert import upright

    stored = upright(seen, {6: 8, 8: 6}.get(turn, turn))
    Image.fromarray(stored).save("turned.png", exif=exif)
    status, _, err = repair("turned.png", "--mask", "mask.png", "-o", "b.png")
    assert status == 0, err
    result = images.read_image("b.png")
    after = upright(result.pixels, result.metadata.orientation)
    assert (after[~there] == seen[~there]).all() and (after[there] != seen[there]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_an_empty_mask_gives_the_file_back_byte_for_byte(repair, there, place, name):
    Image.fromarray(pattern(HEIGHT, WIDTH)).save(name)
    Image.new("L", (WIDTH, HEIGHT)).save("empty.png")
    status, _, err = repair(name, "--mask", "empty.png", "-o", f"b{name[1:]}")
    assert status == 0 and "nothing to repair" in err
    assert (place / f"b{name[1:]}").read_bytes() == (place / name).read_bytes()


def test_an_empty_mask_still_changes_the_format(repair, there):
    Image.new("L", (WIDTH, HEIGHT)).save("empty.png")
    assert repair("a.png", "--mask", "empty.png", "-o", "b.tif")[0] == 0
    assert (pixels("b.tif") == pixels("a.png")).all()


def test_a_mask_of_another_size_is_one_line_and_a_hint(repair, there, place):
    Image.new("L", (WIDTH, HEIGHT + 1)).save("long.png")
    status, _, err = repair("a.png", "--mask", "long.png", "-o", "b.png", "-q")
    assert status == 1
    error, hint = err.strip().splitlines()
    assert error == f"error: long.png: is {WIDTH} x {HEIGHT + 1} pixels, but a.png is {WIDTH} x {HEIGHT}"
    assert hint.startswith("hint: ")
    assert not (place / "b.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.png", "--mask", "mask.png"], "none.png"),
        (["a.png", "--mask", "none.png", "-o", "b.png"], "none.png"),
        (["a.png", "--mask", "text.png", "-o", "b.png"], "text.png"),
        (["a.png", "--mask", "mask.png", "-o", "a.png"], "the input itself"),
        (["a.png", "--mask", "mask.png", "-o", "mask.png", "--overwrite"], "is another input"),
        (["a.png", "--mask", "mask.png", "-o", "there.png"], "exists already"),
        (["a.png", "--mask", "mask.png", "-o", "b.png", "--save-mask", "b.png"], "b.png would come from the mask too"),
        (["a.png", "-o", "b.png", "--save-mask", "a.png", "--overwrite"], "a.png is another input"),
        (["a.png", "--mask", "mask.png", "--save-mask", "mask.png", "--overwrite"], "mask.png is another input"),
        (["mask.png", "--mask", "mask.png", "--in-place"], "mask.png is another input"),
        (["a.png", "--mask", "mask.png", "-o", "b.png", "--save-mask", "there.png"], "exists already"),
        ([".", "--mask", "mask.png", "-o", "b.png"], "is a folder"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_written(repair, there, place, words, message):
    (place / "text.png").write_text("no picture")
    (place / "there.png").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in place.iterdir()}
    status, _, err = repair(*words)
    assert status in (1, 2) and message in err and "Traceback" not in err
    assert {path: path.read_bytes() for path in place.iterdir()} == before


def test_in_place_and_overwrite(repair, there, place):
    before = pixels("a.png")
    assert repair("a.png", "--mask", "mask.png", "-o", "b.png")[0] == 0
    assert repair("a.png", "--mask", "mask.png", "-o", "b.png", "--overwrite")[0] == 0
    assert repair("a.png", "--mask", "mask.png", "--in-place")[0] == 0
    assert (pixels("a.png") == pixels("b.png")).all() and (pixels("a.png") != before).any()
    assert sorted(path.name for path in place.iterdir()) == ["a.png", "b.png", "mask.png"]


def test_grow_widens_what_is_marked(repair, there):
    repair("a.png", "--mask", "mask.png", "-o", "b.png", "--grow", 2, "--save-mask", "grown.png")
    grown = pixels("grown.png") > 0
    changed = (pixels("b.png") != pixels("a.png")).any(axis=2)
    assert grown[there].all() and there.sum() < grown.sum() <= 8 * 14
    assert changed.sum() > there.sum() and not changed[~grown].any()


def test_without_a_mask_spots_are_found_told_and_saved(repair, there):
    gray = np.full((80, 90, 3), 120, np.uint8)
    gray[20:24, 30:34] = gray[50:53, 60:66] = 255
    Image.fromarray(gray).save("dusty.png")
    status, out, err = repair("dusty.png", "-o", "b.png", "--save-mask", "found.png", "--json")
    assert status == 0 and err == ""
    line = json.loads(out)
    assert (line["status"], line["spots"], line["output"]) == ("repaired", 2, "b.png")
    found = pixels("found.png") > 0
    assert line["share"] == pytest.approx(found.mean(), abs=1e-6)
    assert found[20:24, 30:34].all() and (pixels("b.png")[~found] == 120).all()
    assert "found 2 spots" in repair("dusty.png", "-o", "c.png")[2]


def test_specks_go_without_a_model_and_are_told(run, place):
    page, there = add_specks(draw_page(24), 300, np.random.default_rng(0))
    Image.fromarray(page).save("scan.png")
    status, out, err = run("repair", "scan.png", "--specks", "--save-mask", "found.png", "--json")
    assert (status, err) == (0, "")
    line = json.loads(out)
    found, after = pixels("found.png") > 0, pixels("scan-fixed.png")
    assert (line["status"], line["share"]) == ("repaired", pytest.approx(found.mean(), abs=1e-6))
    assert 270 < line["spots"] <= 305
    assert (after[~found] == page[~found]).all() and (after[there] > 200).mean() > 0.95
    assert repair_file("scan.png", "again.png", specks=True).spots == line["spots"]
    assert (pixels("again.png") == after).all()


def test_a_page_without_specks_comes_back_byte_for_byte(run, place):
    Image.fromarray(draw_page(24)).save("scan.png", compress_level=1)
    assert "nothing to repair" in run("repair", "scan.png", "--specks", "-o", "b.png")[2]
    assert (place / "b.png").read_bytes() == (place / "scan.png").read_bytes()


def test_all_pages_of_a_scan_lose_their_specks(run, place):
    pages = [add_specks(draw_page(24), 300, np.random.default_rng(seed)) for seed in range(2)]
    first, second = (Image.fromarray(page) for page, _ in pages)
    first.save("scan.tif", save_all=True, append_images=[second])
    assert run("repair", "scan.tif", "--specks", "-o", "b.tif")[0] == 0
    with Image.open("b.tif") as result:
        for number, (_, there) in enumerate(pages):
            result.seek(number)
            assert (np.asarray(result)[there] > 200).mean() > 0.95


@pytest.mark.parametrize("words", [["--mask", "mask.png"], ["--model", "repair"]])
def test_specks_take_neither_mask_nor_model(run, there, place, words):
    status, _, err = run("repair", "a.png", "--specks", "-o", "b.png", *words)
    assert status == 2 and words[0] in err
    assert not (place / "b.png").exists()


def test_print_is_not_taken_for_damage(repair, place):
    Image.fromarray(draw_page(24)).save("scan.png")
    status, _, err = repair("scan.png", "-o", "b.png", "--save-mask", "found.png", "-q")
    assert status == 1
    error, hint = err.strip().splitlines()
    assert error.startswith("error: scan.png: is print or line art") and "left as it is" in error
    assert "--specks" in hint and "--mask FILE" in hint
    assert [path.name for path in place.iterdir()] == ["scan.png"]
    marked = np.zeros((400, 620), np.uint8)
    marked[380:384, 30:90] = 255
    Image.fromarray(marked).save("mask.png")
    assert repair("scan.png", "--mask", "mask.png", "-o", "b.png")[0] == 0


def test_all_frames_of_an_animation_are_repaired(repair, there):
    frames = [Image.fromarray(pattern(HEIGHT, WIDTH, seed=seed)) for seed in range(2)]
    frames[0].save("two.png", save_all=True, append_images=frames[1:], duration=100)
    assert repair("two.png", "--mask", "mask.png", "-o", "b.png")[0] == 0
    with Image.open("b.png") as result:
        for number, frame in enumerate(frames):
            result.seek(number)
            after, before = np.asarray(result.convert("RGB")), np.asarray(frame)
            assert (after[~there] == before[~there]).all() and (after[there] != before[there]).any()


def test_models_for_something_else_are_refused(run, there, network):
    status, _, err = run("repair", "a.png", "--mask", "mask.png", "-o", "b.png", "--model", "photo")
    assert status == 1 and "takes no mask" in err and "repair" in err
    status, _, err = run("clean", "a.png", "-o", "b.png", "--model", network("filling"))
    assert status == 1 and "can't clean" in err and "denoise-ae repair" in err


def test_repair_file_does_the_same_from_python(repair, there, network):
    repair("a.png", "--mask", "mask.png", "-o", "b.png")
    done = repair_file("a.png", "c.png", "mask.png", network("filling"))
    assert (pixels("b.png") == pixels("c.png")).all()
    assert done.output.name == "c.png" and done.spots is None
    assert done.share == pytest.approx(there.mean())
    with pytest.raises(OutputError):
        repair_file("a.png", "c.png", "mask.png", network("filling"))
    repair("a.png", "--mask", "mask.png", "-o", "d.png", "--grow", 2, "--save-mask", "grown.png")
    repair_file("a.png", "e.png", "mask.png", network("filling"), grow=2, save_mask="more.png", overwrite=True)
    assert (pixels("d.png") == pixels("e.png")).all() and (pixels("grown.png") == pixels("more.png")).all()
    with pytest.raises(UsageError, match="quality"):
        repair_file("a.png", "f.jpg", "mask.png", network("filling"), quality=0)
