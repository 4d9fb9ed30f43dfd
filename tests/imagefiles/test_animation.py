"""Several pages or an animation in one file: all of it is cleaned, with its timing, and nothing is lost silently."""

import io
import struct
from contextlib import closing
from fractions import Fraction

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from stand_ins import Brighten

from denoise_ae.batch import pipeline
from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.jobs import Cleaned, Failed, Progress
from denoise_ae.batch.planning import plan
from denoise_ae.batch.tasks import Settings
from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.images import decode, encode, encode_frames, read_image
from denoise_ae.imagefiles.picture import Frame

RANDOM = np.random.default_rng(5)


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype)


def clean(source, output, **options):
    """Clean a file with the stand-in, and return the events."""
    with closing(pipeline.run(plan([source], output, **options).jobs, Cleaning(Brighten()))) as events:
        return list(events)


PAGES = [noise(37, 53), noise(20, 30, 3), noise(9, 9, dtype=np.uint16)]


def save_pages(path, pages=PAGES):
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            writer.write(page, photometric=photometric, resolution=(300 - number, 300), iccprofile=bytes([number]) * 99)


def test_all_pages_of_a_tiff_are_cleaned_and_keep_what_is_theirs(tmp_path):
    save_pages(tmp_path / "scan.tif")
    events = clean(tmp_path / "scan.tif", tmp_path / "clean.tif")
    with tifffile.TiffFile(tmp_path / "clean.tif") as file:
        assert len(file.pages) == 3
        for number, (page, pixels) in enumerate(zip(file.pages, PAGES, strict=True)):
            assert page.dtype == pixels.dtype
            np.testing.assert_array_equal(page.asarray(), pixels + pixels.dtype.type(1))
            assert page.get_resolution("INCH") == (300 - number, 300)
            assert page.tags["InterColorProfile"].value == bytes([number]) * 99
    (cleaned,) = [event for event in events if isinstance(event, Cleaned)]
    assert cleaned.megapixels == pytest.approx(sum(page.shape[0] * page.shape[1] for page in PAGES) / 1e6)
    assert cleaned.sigma == pytest.approx(np.mean([page.flat[0] for page in PAGES]))
    steps = [(event.done, event.total) for event in events if isinstance(event, Progress)]
    assert steps == [(number, 6) for number in range(1, 7)]


@pytest.mark.parametrize("target", ["clean.png", "clean.jpg", "clean.webp"])
def test_pages_are_not_dropped_where_a_format_has_one(tmp_path, target):
    save_pages(tmp_path / "scan.tif")
    (failed,) = [event for event in clean(tmp_path / "scan.tif", tmp_path / target) if isinstance(event, Failed)]
    assert "holds one page, not 3" in failed.error.message
    assert "TIFF" in failed.error.hint
    assert not (tmp_path / target).exists()


def test_the_room_counts_all_pages(tmp_path):
    save_pages(tmp_path / "scan.tif")
    total = sum(page.shape[0] * page.shape[1] for page in PAGES)
    work = plan([tmp_path / "scan.tif"], tmp_path / "clean.tif")
    events = list(pipeline.run(work.jobs, Cleaning(Brighten(), Settings(max_pixels=total - 1))))
    assert "--max-megapixels" in events[-1].error.hint
    assert isinstance(list(pipeline.run(work.jobs, Cleaning(Brighten(), Settings(max_pixels=total))))[-1], Cleaned)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_pages_that_point_to_one_profile_do_not_multiply_it(count):
    profile, start = bytes(5000), 8 + 5000 + 2
    data = struct.pack("<2sHI", b"II", 42, start) + profile + b"\x80\0"
    size = 2 + 12 * 9 + 4
    for number in range(1, count + 1):
        numbers = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8 + 5000, 277: 1, 279: 1}
        fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in numbers.items())
        shared = struct.pack("<HHII", 34675, 7, 5000, 8)
        following = start + number * size if number < count else 0
        data += struct.pack("<H", 9) + fields + shared + struct.pack("<I", following)
    if count == 50:
        with pytest.raises(ImageError, match="share"):
            decode(data, "x")
    else:
        assert [frame.metadata.icc for frame in decode(data, "x").frames] == [profile] * count


def test_a_damaged_page_fails_the_whole_file(tmp_path):
    save_pages(tmp_path / "scan.tif")
    whole = (tmp_path / "scan.tif").read_bytes()
    assert len(decode(whole, "x").frames) == 3
    with pytest.raises(ImageError, match="damaged"):
        decode(whole[:-20], "x")


def test_what_takes_one_picture_says_that_there_are_more(tmp_path):
    save_pages(tmp_path / "scan.tif")
    with pytest.raises(ImageError, match=r"scan\.tif: has 3 pages") as error:
        read_image(tmp_path / "scan.tif")
    assert error.value.hint


def test_pages_made_by_pillow_are_written_as_they_were():
    out = io.BytesIO()
    images = [Image.fromarray(noise(12, 34, 3)) for _ in range(3)]
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], compression="tiff_lzw")
    picture = decode(out.getvalue(), "x")
    with Image.open(io.BytesIO(encode_frames(picture.frames, "tiff", like=picture.header))) as written:
        for number, image in enumerate(images):
            written.seek(number)
            np.testing.assert_array_equal(np.asarray(written), np.asarray(image))


# Animations


def save_animation(file_format, frames, **options):
    """Let Pillow write an animation."""
    out = io.BytesIO()
    images = [frame if isinstance(frame, Image.Image) else Image.fromarray(frame) for frame in frames]
    images[0].save(out, file_format, save_all=True, append_images=images[1:], **options)
    return out.getvalue()


def seen(data):
    """Frames as Pillow shows them, in RGBA, and for how many milliseconds each."""
    with Image.open(io.BytesIO(data)) as image:
        frames, durations = [], []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGBA")).astype(int))
            durations.append(image.info.get("duration"))
        return np.array(frames), durations, image.info.get("loop")


def as_rgba(frames):
    """Our frames as RGBA."""
    return np.array([np.asarray(Image.fromarray(frame.pixels).convert("RGBA")) for frame in frames]).astype(int)


def moving(count=4, size=(30, 40), colours=20):
    """A square that wanders over a still background of few colours."""
    palette = noise(colours, 3)
    still = palette[RANDOM.integers(0, colours, size)]
    frames = []
    for number in range(count):
        frame = still.copy()
        frame[3 + 5 * number : 11 + 5 * number, 7 + 3 * number : 17 + 3 * number] = palette[number]
        frames.append(frame)
    return frames


def cut_out(frames):
    """The same with a hole that wanders too."""
    cut = []
    for number, frame in enumerate(frames):
        alpha = np.full(frame.shape[:2], 255, np.uint8)
        alpha[number : number + 9, 2 : 20 - number] = 0
        cut.append(np.dstack([frame, alpha]))
    return cut


TIMES = [40, 250, 100, 1000]
OPTIONS = {"GIF": {"optimize": False}, "WEBP": {"lossless": True}, "PNG": {}}


@pytest.mark.parametrize("file_format", OPTIONS)
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(("loop", "plays"), [(0, 0), (3, 3)])
def test_an_animation_is_read_as_others_show_it_and_written_back_exactly(file_format, transparent, loop, plays):
    frames = cut_out(moving()) if transparent else moving()
    plays += file_format == "GIF" and plays > 0  # which counts repetitions
    data = save_animation(file_format, frames, duration=TIMES, loop=loop, **OPTIONS[file_format])
    picture = decode(data, "x")
    expected, durations, _ = seen(data)
    assert durations == TIMES
    assert (picture.header.frames, picture.header.plays) == (4, plays)
    assert picture.header.pixels == 4 * 30 * 40
    assert [round(frame.duration * 1000) for frame in picture.frames] == TIMES
    visible = expected[..., 3:] > 0
    np.testing.assert_array_equal(as_rgba(picture.frames) * visible, expected * visible)
    for target in ("png", "webp", "gif"):
        written = encode_frames(picture.frames, target, like=picture.header)
        shown, durations, _ = seen(written)
        np.testing.assert_array_equal(shown * visible, expected * visible, err_msg=target)
        assert durations == TIMES
        again = decode(written, "x")
        assert again.header.plays == plays
        assert [frame.duration for frame in again.frames] == [frame.duration for frame in picture.frames]
        for frame, same in zip(picture.frames, again.frames, strict=True):
            if target == "png" or not transparent:  # the others have one colour for all that is hidden
                np.testing.assert_array_equal(same.pixels, frame.pixels)


@pytest.mark.parametrize(
    ("file_format", "name"), [("GIF", "a.gif"), ("WEBP", "a.webp"), ("PNG", "a.png"), ("PNG", "a.apng")]
)
def test_all_frames_of_an_animation_are_cleaned(tmp_path, file_format, name):
    frames = [np.clip(frame, 0, 254) for frame in moving()]
    data = save_animation(file_format, frames, duration=TIMES, loop=0, **OPTIONS[file_format])
    (tmp_path / name).write_bytes(data)
    events = clean(tmp_path / name, tmp_path / f"out-{name}")
    shown, durations, loop = seen((tmp_path / f"out-{name}").read_bytes())
    np.testing.assert_array_equal(shown[..., :3], np.array(frames) + 1)
    assert (durations, loop) == (TIMES, 0)
    (cleaned,) = [event for event in events if isinstance(event, Cleaned)]
    assert cleaned.megapixels == pytest.approx(4 * 30 * 40 / 1e6)
    assert cleaned.sigma == frames[0][0, 0, 0]  # the median of the frames, for all


def test_equal_frames_stay_apart():
    frames = [Frame(moving(1)[0], duration=Fraction(number, 10)) for number in (1, 2, 3)]
    for target in ("png", "webp", "gif"):
        _, durations, _ = seen(encode_frames(frames, target, quality=80))
        assert durations == [100, 200, 300]


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
def test_pieces_of_a_png_are_laid_over_each_other_as_others_do(disposal, blend):
    frames = cut_out(moving())
    for number, frame in enumerate(frames):
        frame[: 3 * number] = frames[0][: 3 * number]
    data = save_animation("PNG", frames, duration=TIMES, disposal=disposal, blend=blend)
    # Pillow itself takes what was there before "previous" for what was shown before.
    _, animation = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
    expected = np.array([frame[..., [2, 1, 0, 3]] for frame in animation.frames])
    visible = expected[..., 3:] > 0
    np.testing.assert_array_equal(as_rgba(decode(data, "x").frames) * visible, expected * visible)


@pytest.mark.parametrize("blend", [0, 1])
def test_half_transparent_pieces_are_mixed_as_light_is(blend):
    frames = [noise(30, 40, 4) for _ in range(4)]
    data = save_animation("PNG", frames, duration=TIMES, blend=blend)
    shown = as_rgba(decode(data, "x").frames) / 255
    light, seen_so_far = np.zeros((30, 40, 3)), np.zeros((30, 40, 1))
    for frame, found in zip(frames, shown, strict=True):
        colour, alpha = frame[..., :3] / 255, frame[..., 3:] / 255
        light = colour * alpha + blend * light * (1 - alpha)
        seen_so_far = alpha + blend * seen_so_far * (1 - alpha)
        np.testing.assert_allclose(found[..., 3:], seen_so_far, atol=3 / 255)
        np.testing.assert_allclose(found[..., :3] * found[..., 3:], light, atol=4 / 255)


def test_a_still_picture_beside_the_animation_stays_beside_it(tmp_path):
    frames = [np.clip(frame, 0, 254) for frame in moving()]
    data = save_animation("PNG", frames, duration=TIMES[1:], default_image=True)
    picture = decode(data, "x")
    assert [frame.duration is None for frame in picture.frames] == [True, False, False, False]
    (tmp_path / "a.png").write_bytes(data)
    clean(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["default_image"]
    shown, durations, _ = seen((tmp_path / "b.png").read_bytes())
    np.testing.assert_array_equal(shown[..., :3], np.array(frames) + 1)
    assert durations[1:] == TIMES[1:]
    assert len(seen(encode_frames(picture.frames, "webp", quality=80))[0]) == 3


def test_sixteen_bits_and_odd_times_of_a_png_are_kept():
    frames = [Frame(noise(9, 11, 2, dtype=np.uint16), duration=Fraction(1, 30 + number)) for number in range(3)]
    data = encode_frames(frames, "png")
    picture = decode(data, "x")
    for frame, same in zip(frames, picture.frames, strict=True):
        np.testing.assert_array_equal(same.pixels, frame.pixels)
        assert same.duration == frame.duration


@pytest.mark.parametrize("seconds", [Fraction(10**6), Fraction(1, 10**6), Fraction(0), Fraction(70_001, 70_000)])
def test_times_that_a_format_cannot_hold_are_rounded(seconds):
    frames = [Frame(moving(1)[0], duration=seconds) for _ in range(2)]
    for target in ("png", "webp", "gif"):
        found = decode(encode_frames(frames, target, quality=80), "x").frames[0].duration
        assert found == pytest.approx(seconds, rel=1e-3, abs=0.005) or seconds > 10_000


def test_lossy_webp_is_near_and_keeps_its_alpha():
    frames = cut_out(moving(size=(64, 64)))
    data = save_animation("WEBP", frames, duration=TIMES, quality=95, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    picture = decode(data, "x")
    assert not picture.header.lossless
    shown, durations, _ = seen(encode_frames(picture.frames, "webp", like=picture.header))
    expected = as_rgba(picture.frames)
    np.testing.assert_array_equal(shown[..., 3], expected[..., 3])
    assert np.abs(shown - expected)[expected[..., 3] == 255].mean() < 12
    assert durations == TIMES


def test_metadata_of_an_animation_is_kept(tmp_path):
    exif = Image.Exif()
    exif[271] = "Camera & Sons"
    for file_format in ("WEBP", "PNG"):
        data = save_animation(file_format, moving(), duration=TIMES, exif=exif, icc_profile=b"some profile")
        picture = decode(data, "x")
        for target in ("webp", "png"):
            with Image.open(io.BytesIO(encode_frames(picture.frames, target, like=picture.header))) as image:
                assert image.getexif()[271] == "Camera & Sons"
                assert image.info["icc_profile"] == b"some profile"


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_animation_is_turned_where_nothing_can_say_how(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    frames = moving()
    data = save_animation("PNG", frames, duration=TIMES, exif=exif)
    picture = decode(data, "x")
    shown, _, _ = seen(encode_frames(picture.frames, "gif", like=picture.header))
    turned = np.array([np.rot90(frame, {3: 2, 6: -1}[orientation]) for frame in frames])
    np.testing.assert_array_equal(shown[..., :3], turned)


@pytest.mark.parametrize("target", ["jpeg", "tiff", "bmp", "avif"])
def test_an_animation_is_not_dropped_where_a_format_has_none(target):
    picture = decode(save_animation("GIF", moving(), duration=TIMES), "x")
    with pytest.raises(ImageError, match="holds no animation") as error:
        encode_frames(picture.frames, target)
    assert "WebP" in error.value.hint


def test_what_is_half_transparent_does_not_go_into_a_gif():
    frames = [Frame(noise(9, 9, 4), duration=Fraction(1, 10)) for _ in range(2)]
    with pytest.raises(ImageError, match="half transparent"):
        encode_frames(frames, "gif")
    with pytest.raises(ImageError, match="half transparent"):
        encode(noise(9, 9, 4), "gif")


@pytest.mark.parametrize("colours", [2, 200, 256])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_still_gif_keeps_its_colours(colours, transparent):
    frame = moving(1, (60, 80), colours - transparent)[0]
    pixels = cut_out([frame])[0] if transparent else frame
    decoded = decode(encode(pixels, "gif"), "x").pixels
    visible = pixels[..., 3:] > 0 if transparent else True
    np.testing.assert_array_equal(decoded * visible, pixels * visible)


def test_more_colours_than_a_gif_has_become_the_nearest():
    rows, columns = np.mgrid[:64, :64]
    pixels = np.dstack([rows * 4, columns * 4, 128 + rows - columns]).astype(np.uint8)
    decoded = decode(encode(pixels, "gif"), "x").pixels
    assert len(np.unique(decoded.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(decoded.astype(int) - pixels).mean() < 6


@pytest.mark.parametrize("file_format", OPTIONS)
def test_an_animation_that_is_cut_is_an_error(file_format):
    data = save_animation(file_format, moving(), duration=TIMES, **OPTIONS[file_format])
    for length in range(20, len(data) - 1, max(1, len(data) // 40)):
        with pytest.raises(ImageError, match=r"cut short|damaged"):
            decode(data[:length], "x")


def test_an_animation_counts_all_its_pixels_against_the_limit():
    data = save_animation("GIF", moving(), duration=TIMES)
    with pytest.raises(ImageError, match="4800 pixels in 4 frames"):
        decode(data, "x", max_pixels=4799)
    assert len(decode(data, "x", max_pixels=4800).frames) == 4
