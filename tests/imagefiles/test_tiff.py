"""TIFF files of other programs are read exactly, and other programs read ours."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_ae.batch.jobs import Job, OutputOptions
from denoise_ae.batch.picture_io import save_result
from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import images, tiff_write
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.imagefiles.tiff_directory import integers, write_directory
from denoise_ae.imagefiles.tiff_read import read_layouts, read_pixels
from denoise_ae.imagefiles.tiff_write import encode_tiff

RANDOM = np.random.default_rng(1)
SHAPES = {"gray": (37, 53), "gray+alpha": (37, 53, 2), "rgb": (37, 53, 3), "rgba": (37, 53, 4)}


def noise(shape, dtype):
    if np.dtype(dtype).kind == "f":
        return RANDOM.normal(0.5, 1, shape).astype(dtype)
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def save(pixels, **options):
    out = io.BytesIO()
    colours = (pixels.ndim == 3 and pixels.shape[-1] > 2) or options.get("planarconfig") == "separate"
    options.setdefault("photometric", "rgb" if colours else "minisblack")
    if pixels.ndim == 3 and pixels.shape[-1] in {2, 4}:
        options.setdefault("extrasamples", ["unassalpha"])
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def save_with_pillow(pixels, mode=None, **options):
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(out, "TIFF", **options)
    return out.getvalue()


def read(data):
    """The first page and its warnings."""
    pixels, _, warnings = read_pixels(data, read_layouts(data, "x")[0], "x")
    return pixels, warnings


def assert_same(pixels, expected):
    assert pixels.dtype == expected.dtype
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 32)}, {"rowsperstrip": 5}, {"compression": "zlib"}],
    ids=str,
)
def test_every_layout_is_read_exactly(dtype, shape, options):
    pixels = noise(shape, dtype)
    if shape[-1] == 2:
        options = {**options, "planarconfig": "contig"}
    assert_same(read(save(pixels, **options))[0], pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_separate_planes_are_put_together(dtype):
    planes = noise((3, 37, 53), dtype)
    data = save(planes, planarconfig="separate", rowsperstrip=7)
    assert_same(read(data)[0], planes.transpose(1, 2, 0))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize(
    ("dtype", "predictor"),
    [(np.uint8, 1), (np.uint8, 2), (np.uint16, 1), (np.uint16, 2), (np.float32, 1), (np.float32, 3)],
)
def test_every_compression_is_undone(compression, predictor, dtype):
    if compression == "packbits":
        predictor = 1  # it has none
    pixels = noise((300, 53), dtype)
    pixels[50:80] = pixels[50]  # something to repeat
    pixels[100:110] = 0
    tags = {317: predictor} if predictor > 1 else {}
    data = save_with_pillow(pixels, compression=compression, tiffinfo=tags)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages[0].predictor == predictor
    assert_same(read(data)[0], pixels)


@pytest.mark.parametrize("compression", ["zstd", "lzma"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_newer_compressions_are_undone(compression, dtype):
    pixels = noise((300, 53), dtype)
    assert_same(read(save_with_pillow(pixels, compression=compression))[0], pixels)


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "packbits", "tiff_ccitt", "group3", "group4", "tiff_deflate", "zstd"]
)
def test_bilevel_is_black_and_white(compression):
    pixels = noise((37, 53), np.uint8) > 127
    white = np.where(pixels, 255, 0).astype(np.uint8)
    assert_same(read(save_with_pillow(pixels, compression=compression))[0], white)


@pytest.mark.parametrize("compression", ["group3", "group4"])
@pytest.mark.parametrize("tags", [{262: 0}, {266: 2}, {262: 0, 266: 2}], ids=["negative", "turned", "both"])
def test_a_fax_is_read_in_either_order_of_bits_and_either_sense_of_white(compression, tags):
    page = np.kron(noise((9, 13), np.uint8) > 127, np.ones((8, 8), bool))
    data = save_with_pillow(page, compression=compression, tiffinfo=tags)
    with Image.open(io.BytesIO(data)) as image:
        assert_same(read(data)[0], np.where(np.asarray(image), 255, 0).astype(np.uint8))
    fields = read_layouts(data, "x")[0].directory
    assert all(fields.number(tag, -1) == value for tag, value in tags.items())


@pytest.mark.parametrize("shape", [(64, 80), (64, 80, 3)], ids=["gray", "rgb"])
def test_jpeg_strips_are_read_as_others_read_them(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixels = (128 + 90 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.uint8)
    pixels = np.dstack([pixels, pixels.T.reshape(64, 80), 255 - pixels]) if len(shape) == 3 else pixels
    data = save_with_pillow(pixels, compression="jpeg", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image)
    decoded = read(data)[0]
    assert_same(decoded, expected)
    assert np.abs(decoded.astype(int) - pixels).mean() < 12
    assert not read_layouts(data, "x")[0].lossless


def pages():
    return [noise((37, 53), np.uint8), noise((5, 9, 3), np.uint16), noise((20, 20, 4), np.uint8), noise((8, 8), "f4")]


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=str)
def test_all_pages_are_read(options):
    out = io.BytesIO()
    with tifffile.TiffWriter(out, **options) as writer:
        for page in pages():
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack")
    layouts = read_layouts(out.getvalue(), "x")
    assert [layout.bits for layout in layouts] == [8, 16, 8, 32]
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as file:
        for layout, page in zip(layouts, file.pages, strict=True):
            assert_same(read_pixels(out.getvalue(), layout, "x")[0], page.asarray())


def test_others_read_all_pages_that_are_written():
    written = pages()
    data = encode_tiff(
        [Frame(page, Metadata(dpi=(100 + n, 200), icc=bytes([n]) * 200)) for n, page in enumerate(written)]
    )
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 4
        for number, (page, pixels) in enumerate(zip(file.pages, written, strict=True)):
            assert_same(page.asarray(), pixels)
            assert page.get_resolution("INCH") == (100 + number, 200)
            assert page.tags["InterColorProfile"].value == bytes([number]) * 200
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 4


def test_every_page_keeps_its_own_exif():
    def exif(number):
        block = Image.Exif()
        block[270] = f"page {number}"
        block.get_ifd(0x8769)[0x9003] = f"2024:05:06 07:08:0{number}"
        return block.tobytes()[6:]

    data = encode_tiff([Frame(noise((5, 9), np.uint8), Metadata(exif=exif(n))) for n in range(3)])
    with Image.open(io.BytesIO(data)) as image:
        for number in range(3):
            image.seek(number)
            found = image.getexif()
            assert found[270] == f"page {number}"
            assert found.get_ifd(0x8769)[0x9003] == f"2024:05:06 07:08:0{number}"


def test_directories_that_go_round_in_circles_end():
    whole = encode_tiff([Frame(noise((5, 9), np.uint8))] * 2)
    first = int.from_bytes(whole[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(whole[first : first + 2], "little")
    with pytest.raises(ImageError, match="damaged"):
        read_layouts(whole[:end] + struct.pack("<I", first) + whole[end + 4 :], "x")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_turned_over(dtype):
    pixels = noise((37, 53), dtype)
    assert_same(read(save(pixels, photometric="miniswhite"))[0], np.iinfo(dtype).max - pixels)


def test_a_palette_becomes_the_colours_that_it_shows():
    image = Image.fromarray(noise((37, 53, 3), np.uint8)).quantize(16)
    out = io.BytesIO()
    image.save(out, "TIFF")
    assert_same(read(out.getvalue())[0], np.asarray(image.convert("RGB")))


def test_a_palette_of_grays_becomes_gray():
    gray = noise((37, 53), np.uint8)
    assert_same(read(save_with_pillow(gray, mode="P"))[0], gray)


def test_premultiplied_alpha_is_undone_and_told():
    pixels = noise((37, 53, 4), np.uint8)
    pixels[..., 3] |= 0x80
    pixels[:5, ..., 3] = 0
    stored = pixels.copy()
    stored[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / 255))
    straight, warnings = read(save(stored, extrasamples=["assocalpha"]))
    assert_same(straight[..., 3], pixels[..., 3])
    assert np.abs(straight[5:].astype(int) - pixels[5:]).max() <= 1
    assert not straight[:5, :, :3].any()
    assert "alpha" in warnings[0]


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_file_that_is_cut_is_an_error(dtype, options):
    data = save(noise((64, 64, 3), dtype), **options)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ImageError, match="cut short or damaged"):
            read(data[: int(len(data) * share)])


@pytest.mark.parametrize("compression", ["tiff_deflate", "tiff_lzw", "packbits"])
def test_destroyed_strips_are_an_error(compression):
    data = bytearray(save_with_pillow(noise((64, 640), np.uint8), compression=compression))
    if compression == "packbits":  # any bytes are valid runs, long ones too, but 128 stands for nothing
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
        data[start : start + count] = b"\x80" * count
    else:
        data[len(data) // 3 : len(data) // 3 + 4000] = bytes(4000)
    with pytest.raises(ImageError, match="cut short or damaged"):
        read(bytes(data))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [*SHAPES.values(), (1, 1), (1, 5000), (700, 900, 3)], ids=str)
def test_others_read_what_is_written(dtype, shape):
    pixels = noise(shape, dtype)
    data = encode_tiff([Frame(pixels)])
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert_same(file.pages[0].asarray(), pixels)
        alpha = shape[2:] in {(2,), (4,)}
        assert [kind.name for kind in file.pages[0].extrasamples] == (["UNASSALPHA"] if alpha else [])
    assert_same(read(data)[0], pixels)


def test_pillow_reads_what_is_written():
    for pixels in (noise((700, 900, 3), np.uint8), noise((9, 9, 4), np.uint8), noise((9, 9), np.uint16)):
        with Image.open(io.BytesIO(encode_tiff([Frame(pixels)]))) as image:
            assert_same(np.asarray(image), pixels)


@pytest.mark.parametrize("compression", ["group3", "group4", "jpeg", "zstd", "tiff_lzw"])
def test_nothing_is_printed_about_destroyed_strips(compression, capfd):
    pixels = noise((64, 640), np.uint8)
    data = bytearray(
        save_with_pillow(pixels > 127 if compression.startswith("group") else pixels, compression=compression)
    )
    for place in range(100, len(data) // 2, 7):
        data[place] ^= 0xFF
    try:
        read(bytes(data))
    except ImageError as error:
        assert "damaged" in error.message
    assert capfd.readouterr() == ("", "")


def describe():
    """EXIF with the time and the place of a picture, as Pillow writes it."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera & Sons", 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def test_a_bigtiff_stays_one_with_all_that_it_says():
    pages = [noise((17, 31, 3), np.uint16), noise((9, 8), np.uint8)]
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=True) as writer:
        for page in pages:
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", resolution=(300, 150))
    picture = images.decode(out.getvalue(), "x")
    assert picture.header.bigtiff
    profile = bytes(range(256)) * 300
    described = [replace(frame.metadata, exif=describe(), icc=profile) for frame in picture.frames]
    frames = [replace(frame, metadata=told) for frame, told in zip(picture.frames, described, strict=True)]
    written = images.encode_frames(frames, "tiff", like=picture.header)
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        assert file.is_bigtiff
        for page, pixels in zip(file.pages, pages, strict=True):
            assert_same(page.asarray(), pixels)
            assert page.tags["ExifTag"].value["DateTimeOriginal"] == "2024:05:06 07:08:09"
            assert page.tags["GPSTag"].value["GPSLatitude"] == (48, 1, 12, 1, 30, 1)
            assert page.tags["XResolution"].value[0] / page.tags["XResolution"].value[1] == 300
            assert page.tags["InterColorProfile"].value == profile
    again = images.decode(written, "x")
    assert [frame.metadata.orientation for frame in again.frames] == [6, 6]
    assert images.decode(images.encode_frames(again.frames, "tiff"), "x").header.bigtiff is False


def test_what_is_too_long_for_a_classic_tiff_becomes_a_bigtiff(monkeypatch):
    pixels = noise((64, 65, 3), np.uint8)
    monkeypatch.setattr(tiff_write, "_ADDRESSABLE", pixels.nbytes + 100)
    written = images.encode(pixels, "tiff")
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        assert file.is_bigtiff
        assert_same(file.asarray(), pixels)


def test_flat_pictures_are_compressed():
    page = np.full((500, 700, 3), 255, np.uint8)
    page[100:120, 50:600] = 30
    assert len(encode_tiff([Frame(page)])) < page.nbytes / 50


def test_sizes_that_are_no_whole_numbers_are_an_error():
    data = encode_tiff([Frame(noise((9, 9), np.uint8))])
    field = struct.pack("<HHIHH", 256, 3, 1, 9, 0)
    for kind, size in ((11, struct.pack("<f", 9)), (9, struct.pack("<i", -9)), (8, struct.pack("<hh", -9, 0))):
        with pytest.raises(ImageError):
            read(data.replace(field, struct.pack("<HHI", 256, kind, 1) + size))


def reverse_bits(data):
    """Store every byte of the only strip the other way round."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        ((start, length),) = zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True)
    table = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    return data[:start] + data[start : start + length].translate(table) + data[start + length :]


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": 2}, {"compression": "packbits"}], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bytes_whose_bits_are_reversed_are_turned(dtype, options):
    pixels = noise((37, 53, 3), dtype)
    if options.get("compression") == "packbits":
        data = save_with_pillow(pixels[..., 0], compression="packbits", tiffinfo={266: 2, 278: 37})
        pixels = pixels[..., 0]
    else:
        data = reverse_bits(save(pixels, rowsperstrip=37, extratags=[(65000, "H", 1, 2, True)], **options))
        data = data.replace(struct.pack("<HHI", 65000, 3, 1), struct.pack("<HHI", 266, 3, 1))
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            assert_same(file.asarray(), pixels)
    assert_same(read(data)[0], pixels)


@pytest.mark.parametrize("tags", [{}, {262: 0}, {266: 2}, {262: 0, 266: 2}], ids=str)
def test_bilevel_is_read_in_either_order_of_bits(tags):
    data = save_with_pillow(noise((37, 53), np.uint8) > 127, compression="tiff_lzw", tiffinfo=tags)
    with Image.open(io.BytesIO(data)) as image:
        assert_same(read(data)[0], np.where(np.asarray(image), 255, 0).astype(np.uint8))


def smooth():
    rows, columns = np.mgrid[:64, :80]
    wave = (128 + 90 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.uint8)
    return np.dstack([wave, wave[::-1], 255 - wave])


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "packbits"])
def test_ycbcr_becomes_the_rgb_that_it_shows(compression):
    data = save_with_pillow(smooth(), mode="YCbCr", compression=compression)
    decoded = read(data)[0]
    with Image.open(io.BytesIO(data)) as image:
        assert np.abs(decoded.astype(int) - np.asarray(image.convert("RGB"))).max() <= 1
    assert np.abs(decoded.astype(int) - smooth()).max() <= 3
    assert not read_layouts(data, "x")[0].lossless


def build(body, numbers):
    """A TIFF of a strip and a directory."""
    start = 8 + len(body) + len(body) % 2
    fields = {tag: integers("<", *np.atleast_1d(values).tolist()) for tag, values in numbers.items()}
    head = struct.pack("<2sHI", b"II", 42, start)
    return head + body.ljust(start - 8, b"\0") + write_directory("<", fields, start)


def ycbcr(compression, body, **numbers):
    fields = {256: 80, 257: 64, 258: [8, 8, 8], 259: compression, 262: 6, 277: 3, 278: 64, 530: [2, 2]}
    return build(body, fields | {273: 8, 279: len(body)} | {int(tag[1:]): value for tag, value in numbers.items()})


@pytest.mark.parametrize("compression", [1, 8])
def test_ycbcr_with_less_colour_than_light_is_read_as_others_read_it(compression):
    planes = np.asarray(Image.fromarray(smooth()).convert("YCbCr"))
    light = planes[..., 0].reshape(32, 2, 40, 2).transpose(0, 2, 1, 3).reshape(32, 40, 4)
    units = np.dstack([light, planes[::2, ::2, 1:]]).tobytes()
    deflated = ycbcr(8, zlib.compress(units))
    with Image.open(io.BytesIO(deflated)) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.abs(expected.astype(int) - smooth()).mean() < 6
    assert_same(read(ycbcr(1, units) if compression == 1 else deflated)[0], expected)


def test_old_jpeg_is_read_as_others_read_it():
    out = io.BytesIO()
    Image.fromarray(smooth()).save(out, "JPEG", quality=90, subsampling="4:2:0")
    stream = out.getvalue()
    scan = stream.index(b"\xff\xda") + 2
    scan += int.from_bytes(stream[scan : scan + 2])
    data = ycbcr(6, stream, _273=8 + scan, _279=len(stream) - scan, _512=1, _513=8, _514=len(stream))
    with Image.open(io.BytesIO(data)) as image:
        assert_same(read(data)[0], np.asarray(image.convert("RGB")))
    assert np.abs(read(data)[0].astype(int) - smooth()).mean() < 6
    with pytest.raises(ImageError, match="damaged"):
        read(data.replace(stream[:200], bytes(200)))


def test_tiles_that_are_addressed_as_strips_are_read():
    pixels = noise((37, 53, 3), np.uint8)
    data = save(pixels, tile=(16, 32), compression="zlib")
    for tag, other in ((324, 273), (325, 279)):
        assert data.count(struct.pack("<HHI", tag, 4, 6)) == 1 or data.count(struct.pack("<HHI", tag, 3, 6)) == 1
        for kind in (3, 4):
            data = data.replace(struct.pack("<HHI", tag, kind, 6), struct.pack("<HHI", other, kind, 6))
    assert_same(read(data)[0], pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(37, 53, 2), (37, 53, 4)], ids=["gray", "rgb"])
def test_a_channel_that_is_no_alpha_is_left_alone(shape, dtype):
    pixels = noise(shape, dtype)
    data = save(pixels, extrasamples=["unspecified"])
    picture = images.decode(data, "x")
    assert picture.header.mode == ("gray" if shape[2] == 2 else "RGB")
    assert "no transparency" in picture.warnings[0]
    assert_same(picture.pixels, pixels[..., 0] if shape[2] == 2 else pixels[..., :3])
    picture.frames[0].pixels = picture.pixels // 2 if dtype != np.float32 else picture.pixels / 2
    with tifffile.TiffFile(io.BytesIO(images.encode_frames(picture.frames, "tiff", like=picture.header))) as file:
        assert [kind.name for kind in file.pages[0].extrasamples] == ["UNSPECIFIED"]
        assert_same(file.asarray()[..., -1], pixels[..., -1])
        assert_same(np.squeeze(file.asarray()[..., :-1]), picture.pixels)
    if dtype != np.float32:
        again = images.decode(images.encode_frames(picture.frames, "png"), "x")
        assert_same(again.pixels, picture.pixels)


def test_a_channel_that_is_no_alpha_turns_with_the_picture_when_metadata_go(tmp_path):
    pixels = noise((37, 53, 4), np.uint8)
    data = save(pixels, extrasamples=["unspecified"], extratags=[(274, "H", 1, 6, True)])
    picture = images.decode(data, "x")
    job = Job(None, tmp_path / "turned.tif", "tiff")
    save_result(job, picture.frames, picture.header, OutputOptions(keep_metadata=False))
    with tifffile.TiffFile(job.output) as file:
        assert_same(file.asarray(), np.ascontiguousarray(np.rot90(pixels, -1)))


@pytest.mark.parametrize(
    "options", [{"rowsperstrip": 8}, {"tile": (16, 16)}, {"tile": (16, 16), "compression": "zlib"}]
)
def test_a_strip_or_tile_that_is_missing_is_an_error(options):
    data = save(noise((64, 64), np.uint8), **options)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        places = [(tags[offsets], tags[counts]) for offsets, counts in ((273, 279), (324, 325)) if offsets in tags]
    damaged = bytearray(data)
    for tag in places[0]:
        size = tag.valuebytecount // tag.count
        damaged[tag.valueoffset + 3 * size : tag.valueoffset + 4 * size] = bytes(size)
    with pytest.raises(ImageError, match="damaged"):
        read(bytes(damaged))


def test_a_strip_that_is_short_takes_nothing_from_the_next():
    """The last one is longer than it need be, so that the bytes are enough."""
    pixels = noise((60, 64), np.uint8)
    data = save(np.vstack([pixels, pixels[:4]]), rowsperstrip=8)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        counts, height = file.pages[0].tags[279], file.pages[0].tags[257]
    changed = bytearray(data)
    changed[height.valueoffset] = 60
    assert_same(read(bytes(changed))[0], pixels)
    assert counts.value[0] == 512
    changed[counts.valueoffset + 1] = 1  # which makes it 256
    with pytest.raises(ImageError, match="damaged"):
        read(bytes(changed))


def test_large_strips_are_no_bomb_to_pillow(monkeypatch, recwarn):
    """It would refuse what it takes for too many pixels, or warn; how many are too many was decided before."""
    pixels = noise((300, 200, 3), np.uint8)
    data = save_with_pillow(pixels, compression="tiff_lzw", tiffinfo={278: 300})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert_same(read(data)[0], pixels)
    assert not recwarn.list
