"""``denoise-ae noise`` and ``compare`` as a user types them, with real files."""

import json
import math

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_ae.measure.side_by_side import drawable, magnify, side_by_side, to_rgb8


def ramp(shape, dtype=np.uint8, low=0.3, high=0.7):
    """A soft gradient far enough from black and white that noise is not cut."""
    white = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (np.linspace(low, high, math.prod(shape)).reshape(shape) * white).astype(dtype)


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
    elif pixels.dtype == np.uint16 and pixels.ndim == 3:  # Pillow has no 16-bit colour
        import cv2

        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))[1].tobytes())
    else:
        Image.fromarray(pixels).save(path, **options)
    return path


def read(path):
    if str(path).endswith(".tif"):
        return tifffile.imread(path)
    import cv2

    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    orders = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, orders[pixels.shape[2]])


class TestNoise:
    @pytest.mark.parametrize(
        ("name", "shape", "dtype"),
        [
            ("gray8.png", (90, 110), np.uint8),
            ("rgb8.png", (90, 110, 3), np.uint8),
            ("gray16.png", (90, 110), np.uint16),
            ("rgb8.tif", (90, 110, 3), np.uint8),
            ("rgb16.tif", (90, 110, 3), np.uint16),
            ("float.tif", (90, 110), np.float32),
        ],
    )
    def test_depth_and_channels_stay_and_the_level_is_right(self, run, place, name, shape, dtype):
        clean = ramp(shape, dtype)
        write(place / name, clean)
        assert run("noise", name, "-o", f"noisy-{name}", "--level", 20) == (0, "", "")
        noisy = read(f"noisy-{name}")
        assert (noisy.shape, noisy.dtype) == (shape, dtype)
        white = 1 if dtype == np.float32 else np.iinfo(dtype).max
        deviation = (noisy.astype(float) - clean).std() / white * 255
        assert deviation == pytest.approx(20, rel=0.03)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_alpha_is_not_touched(self, run, place, dtype):
        clean = ramp((40, 50, 4), dtype)
        clean[::2, :, 3] = 0
        write(place / "rgba.png", clean)
        assert run("noise", "rgba.png", "-o", "noisy.png", "--level", 20)[0] == 0
        noisy = read("noisy.png")
        assert np.array_equal(noisy[..., 3], clean[..., 3])
        assert not np.array_equal(noisy[..., :3], clean[..., :3])

    @pytest.mark.parametrize(
        ("noise_type", "level"),
        [("uniform", 40), ("poisson", 30), ("speckle", 0.2), ("salt-pepper", 0.05), ("mask", 0.3), ("jpeg", 10)],
    )
    def test_every_type(self, run, place, noise_type, level):
        write(place / "a.png", ramp((40, 50, 3)))
        assert run("noise", "a.png", "-o", "b.png", "--type", noise_type, "--level", level)[0] == 0
        assert not np.array_equal(read("a.png"), read("b.png"))

    def test_the_seed_decides(self, run, place):
        write(place / "a.png", ramp((40, 50, 3)))
        for name, seed in (("one", 1), ("again", 1), ("two", 2)):
            assert run("noise", "a.png", "-o", f"{name}.png", "--level", 25, "--seed", seed)[0] == 0
        assert (place / "one.png").read_bytes() == (place / "again.png").read_bytes()
        assert (place / "one.png").read_bytes() != (place / "two.png").read_bytes()

    def test_the_ending_sets_the_format_and_metadata_stays(self, run, place):
        exif = Image.Exif()
        exif[0x0110] = "A camera"
        exif[0x0112] = 6
        write(place / "a.jpg", ramp((40, 50, 3)), exif=exif, quality=80)
        assert run("noise", "a.jpg", "-o", "b.webp", "--level", 25, "--quality", 90)[0] == 0
        with Image.open("b.webp") as made:
            assert made.format == "WEBP"
            assert made.size == (50, 40)
            assert (made.getexif()[0x0110], made.getexif()[0x0112]) == ("A camera", 6)

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--level", "nan"], "gaussian level of nan"),
            (["--level", "-1"], "gaussian level of -1"),
            (["--level", "300"], "gaussian level of 300"),
            (["--level", "1.5", "--type", "mask"], "mask level of 1.5"),
            (["--level", "0", "--type", "jpeg"], "jpeg level of 0"),
            (["--level", "1", "--type", "hiss"], "hiss"),
        ],
    )
    def test_a_senseless_level_is_wrong_usage(self, run, place, options, complaint):
        write(place / "a.png", ramp((8, 8)))
        status, out, error = run("noise", "a.png", "-o", "b.png", *options)
        assert (status, out) == (2, "")
        assert complaint in error
        assert "hint:" in error
        assert not (place / "b.png").exists()

    def test_nothing_is_overwritten_unasked(self, run, place):
        write(place / "a.png", ramp((8, 8)))
        (place / "b.png").write_bytes(b"mine")
        status, _, error = run("noise", "a.png", "-o", "b.png", "--level", 25)
        assert (status, (place / "b.png").read_bytes()) == (1, b"mine")
        assert "b.png" in error
        assert "--overwrite" in error
        assert run("noise", "a.png", "-o", "b.png", "--level", 25, "--overwrite")[0] == 0
        assert read("b.png").shape == (8, 8)

    def test_the_output_is_never_the_input(self, run, place):
        before = write(place / "a.png", ramp((8, 8))).read_bytes()
        (place / "link.png").hardlink_to(place / "a.png")
        for name in ("a.png", "./a.png", "link.png"):
            status, _, error = run("noise", "a.png", "-o", name, "--level", 25, "--overwrite")
            assert status == 1
            assert "input itself" in error
        assert (place / "a.png").read_bytes() == before

    @pytest.mark.parametrize("name", ["missing.png", "text.png"])
    def test_bad_input_is_one_line(self, run, place, name):
        (place / "text.png").write_text("no picture")
        status, _, error = run("noise", name, "-o", "b.png", "--level", 25)
        assert status == 1
        assert name in error
        assert "Traceback" not in error

    def test_help_lists_types_and_units(self, run):
        status, out, _ = run("noise", "--help")
        assert status == 0
        for word in ("gaussian", "salt-pepper", "8-bit steps", "photons", "quality"):
            assert word in out


class TestCompare:
    @pytest.fixture
    def pair(self, place):
        clean = ramp((60, 200, 3))
        write(place / "clean.png", clean)
        write(place / "off.png", clean + np.uint8(10))
        return clean

    def test_second_against_first(self, run, pair):
        status, out, error = run("compare", "clean.png", "off.png", "-o", "side.png")
        assert (status, error) == (0, "")
        lines = out.splitlines()
        assert [line.split()[0] for line in lines] == ["clean.png", "off.png"]
        assert "reference" in lines[0]
        assert f"PSNR {20 * math.log10(25.5):.2f} dB" in lines[1]
        side = read("side.png")
        assert side.shape[0] > 60
        assert side.shape[1] > 400
        assert contains(side, pair)
        assert contains(side, pair + np.uint8(10))

    def test_against_a_reference_shown_last(self, run, place, pair):
        write(place / "further.png", pair + np.uint8(30))
        words = ["further.png", "off.png", "--reference", "clean.png", "-o", "side.png", "--json"]
        status, out, _ = run("compare", *words)
        assert status == 0
        figures = json.loads(out)
        assert figures["reference"] == "clean.png"
        assert [each["file"] for each in figures["pictures"]] == ["further.png", "off.png"]
        assert figures["pictures"][0]["psnr"] == pytest.approx(20 * math.log10(255 / 30), abs=1e-3)
        assert figures["pictures"][1]["psnr"] == pytest.approx(20 * math.log10(255 / 10), abs=1e-3)
        assert 0 < figures["pictures"][0]["ssim"] < figures["pictures"][1]["ssim"] < 1
        assert place_of(read("side.png"), pair) > place_of(read("side.png"), pair + np.uint8(10))

    def test_equal_pictures(self, run, place, pair):
        write(place / "same.tif", pair.astype(np.uint16) * 257)
        status, out, _ = run("compare", "clean.png", "same.tif", "-o", "side.png")
        assert status == 0
        assert "identical" in out
        assert json.loads(run("compare", "clean.png", "same.tif", "-o", "b.png", "--json")[1])["pictures"] == [
            {"file": "same.tif", "psnr": None, "ssim": pytest.approx(1)}
        ]

    def test_gray_with_colour_and_alpha(self, run, place):
        gray = ramp((60, 200))
        write(place / "gray.png", gray)
        write(place / "rgba.png", np.dstack([gray, gray, gray, np.zeros_like(gray)]))
        status, out, _ = run("compare", "gray.png", "rgba.png", "-o", "side.png")
        assert status == 0
        assert "identical" in out

    def test_pictures_are_turned_upright(self, run, place, pair):
        exif = Image.Exif()
        exif[0x0112] = 6  # stored lying, shown turned clockwise
        Image.fromarray(np.ascontiguousarray(np.rot90(pair))).save(place / "turned.png", exif=exif)
        assert "identical" in run("compare", "clean.png", "turned.png", "-o", "side.png")[1]

    def test_crop_and_zoom_show_details_but_measure_all(self, run, place, pair):
        _, whole, _ = run("compare", "clean.png", "off.png", "-o", "whole.png")
        _, detail, _ = run("compare", "clean.png", "off.png", "-o", "detail.png", "--crop", "10,5,30,20", "--zoom", 4)
        assert detail == whole
        expected = magnify(pair[5:25, 10:40], 4)
        assert expected.shape == (80, 120, 3)
        assert contains(read("detail.png"), expected)

    @pytest.mark.parametrize("crop", ["0,0,201,10", "-1,0,5,5", "0,0,0,5", "190,0,20,5"])
    def test_a_crop_outside_is_an_error(self, run, place, pair, crop):
        status, _, error = run("compare", "clean.png", "off.png", "-o", "side.png", f"--crop={crop}")
        assert status == 1
        assert "200 x 60" in error
        assert not (place / "side.png").exists()

    @pytest.mark.parametrize("crop", ["1,2,3", "a,b,c,d", "1,2,3,4,5", "1.5,2,3,4"])
    def test_a_crop_that_is_no_rectangle_is_wrong_usage(self, run, pair, crop):
        status, _, error = run("compare", "clean.png", "off.png", "-o", "side.png", "--crop", crop)
        assert status == 2
        assert "--crop" in error

    def test_different_sizes(self, run, place, pair):
        write(place / "small.png", ramp((60, 100, 3)))
        status, _, error = run("compare", "clean.png", "small.png", "-o", "side.png")
        assert status == 1
        assert "small.png is 100 x 60 but clean.png is 200 x 60" in error.replace("\n", " ")

    def test_one_picture_alone(self, run, pair):
        assert run("compare", "clean.png", "-o", "side.png")[0] == 2
        assert run("compare", "off.png", "--reference", "clean.png", "-o", "side.png")[0] == 0

    def test_nothing_is_overwritten_unasked(self, run, place, pair):
        before = (place / "off.png").read_bytes()
        for words in (["-o", "off.png"], ["-o", "off.png", "--overwrite"]):
            assert run("compare", "clean.png", "off.png", *words)[0] == 1
        assert (place / "off.png").read_bytes() == before

    def test_names_that_the_font_and_the_terminal_lack(self, run, place, pair):
        write(place / "Katze [bold] 漢字 é.png", pair)
        write(place / "sub" / "clean.png", pair)
        status, out, _ = run("compare", "clean.png", "sub/clean.png", "Katze [bold] 漢字 é.png", "-o", "side.png")
        assert status == 0
        assert "sub" in out
        assert "Katze [bold] 漢字 é.png" in out


def place_of(sheet, picture):
    """Column at which a picture lies in a sheet, or None."""
    height, width, _ = picture.shape
    for row in range(min(64, sheet.shape[0] - height + 1)):
        for column in range(sheet.shape[1] - width + 1):
            if np.array_equal(sheet[row, column : column + width], picture[0]) and np.array_equal(
                sheet[row : row + height, column : column + width], picture
            ):
                return column
    return None


def contains(sheet, picture):
    return place_of(sheet, picture) is not None


class TestPictures:
    def test_labels_are_drawn_under_the_pictures(self):
        white = np.full((20, 300, 3), 255, np.uint8)
        bare = side_by_side([white, white], [("", ""), ("", "")])
        written = side_by_side([white, white], [("name.png", "PSNR 30.00 dB"), ("", "")])
        assert bare.shape == written.shape
        assert (bare == 255).all()
        rows, columns = np.nonzero((written < 128).any(2))
        assert rows.min() > 20
        assert columns.max() < written.shape[1] / 2

    def test_a_small_picture_gets_a_column_as_wide_as_its_figures(self):
        tiny = np.zeros((4, 4, 3), np.uint8)
        narrow = side_by_side([tiny], [("x", "short")]).shape[1]
        wide = side_by_side([tiny], [("x", "PSNR 30.00 dB   SSIM 0.9000")]).shape[1]
        assert wide > narrow > 20
        assert side_by_side([tiny], [("x" * 500, "short")]).shape[1] == narrow

    def test_text_grows_with_the_pictures(self):
        heights = [side_by_side([np.zeros((10, width, 3), np.uint8)], [("a", "b")]).shape[0] for width in (100, 3200)]
        assert heights[1] > 3 * heights[0]

    def test_what_the_font_lacks_is_replaced(self):
        assert drawable("né 漢字.png") == "ne ??.png"

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    @pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)])
    def test_everything_can_be_shown(self, dtype, channels):
        shown = to_rgb8(ramp((5, 6, *channels), dtype, 0, 1))
        assert (shown.shape, shown.dtype) == ((5, 6, 3), np.uint8)
        assert shown.min() == 0
        assert shown.max() > 240
