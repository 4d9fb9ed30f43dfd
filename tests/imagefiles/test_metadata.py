"""EXIF, ICC, XMP, resolution and orientation survive, as other programs see them."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.images import decode, encode
from denoise_ae.imagefiles.metadata import Metadata

RANDOM = np.random.default_rng(3)
PIXELS = np.kron(RANDOM.integers(0, 256, (5, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><note>h\xc3\xa9</note></x:xmpmeta>'
FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"]
OURS = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp", "TIFF": "tiff", "AVIF": "avif"}


def make_exif(orientation=1):
    exif = Image.Exif()
    exif[0x010F] = "Camera & Sons"
    exif[0x0112] = orientation
    camera = exif.get_ifd(0x8769)
    camera[0x9003] = "2024:05:06 07:08:09"
    camera[0x829A] = 0.004
    camera[0x927C] = bytes(range(256))
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    return exif


def save(file_format, pixels=PIXELS, **options):
    out = io.BytesIO()
    if file_format in {"JPEG", "WEBP", "AVIF"}:
        options.setdefault("quality", 100)
    Image.fromarray(pixels).save(out, file_format, **options)
    return out.getvalue()


def reopen(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def transcode(data, file_format, **options):
    picture = decode(data, "x")
    return encode(picture.pixels, file_format, metadata=picture.metadata, like=picture.header, **options)


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("target", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_exif_goes_from_any_format_to_any_other(source, target):
    # Pillow can write no nested directories into TIFF by itself.
    data = transcode(save("PNG", exif=make_exif(6)), "tiff") if source == "TIFF" else save(source, exif=make_exif(6))
    exif = reopen(transcode(data, OURS[target])).getexif()
    camera, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    assert exif[0x010F] == make_exif()[0x010F]
    assert camera[0x9003] == "2024:05:06 07:08:09"
    assert camera[0x829A] == 0.004
    assert camera[0x927C] == bytes(range(256))
    assert place[2] == (48, 12, 30)


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("size", [len(SRGB), 200_000])
def test_colour_profiles_of_any_length_are_kept(source, target, size):
    profile = SRGB + RANDOM.bytes(size - len(SRGB))
    assert reopen(transcode(save(source, icc_profile=profile), OURS[target])).info["icc_profile"] == profile


@pytest.mark.parametrize("target", FORMATS)
def test_xmp_is_kept(target):
    for source in ("JPEG", "WEBP", "TIFF"):
        written = transcode(
            save(source, xmp=XMP) if source != "TIFF" else save(source, tiffinfo={700: XMP}), OURS[target]
        )
        assert reopen(written).info["xmp"] == XMP
        assert decode(written, "x").metadata.xmp == XMP


@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("target", ["PNG", "JPEG", "TIFF", "BMP"])
def test_resolution_is_kept(source, target):
    written = transcode(save(source, dpi=(300, 150)), OURS.get(target, "bmp"))
    assert reopen(written).info["dpi"] == pytest.approx((300, 150), rel=1e-3)


def test_the_resolution_of_the_file_counts_more_than_that_in_exif():
    exif = make_exif()
    exif[282], exif[283], exif[296] = 72.0, 72.0, 2
    for source in ("JPEG", "PNG"):
        written = transcode(save(source, dpi=(300, 150), exif=exif), "tiff")
        assert reopen(written).info["dpi"] == pytest.approx((300, 150), rel=1e-3)


def test_a_resolution_that_only_exif_knows_is_used():
    exif = make_exif()
    exif[282], exif[283], exif[296] = 200.0, 100.0, 2
    for target in ("PNG", "JPEG", "TIFF", "BMP"):
        written = transcode(save("WEBP", exif=exif), OURS.get(target, "bmp"))
        assert reopen(written).info["dpi"] == pytest.approx((200, 100), rel=1e-3)


def test_a_turned_picture_turns_its_resolution():
    written = transcode(save("JPEG", exif=make_exif(6), dpi=(300, 150)), "bmp")
    assert reopen(written).info["dpi"] == pytest.approx((150, 300), rel=1e-3)


@pytest.mark.parametrize("dots", [(0, 0), (0, 300)])
def test_a_resolution_of_nothing_is_none(dots):
    for source, place, form in (("JPEG", 14, ">HH"), ("BMP", 38, "<ii")):
        data = bytearray(save(source, dpi=(300, 300)))
        struct.pack_into(form, data, place, *dots)
        picture = decode(bytes(data), "x")
        assert picture.metadata.dpi is None
        for target in OURS.values():
            assert encode(picture.pixels, target, metadata=picture.metadata)


def test_texts_and_colours_of_a_png_stay_in_png():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Häuser")
    info.add_text("Comment", "a long text " * 100, zip=True)
    info.add_itxt("Author", "漢字", lang="zh", tkey="作者", zip=True)
    info.add(b"gAMA", (45455).to_bytes(4))
    info.add(b"cHRM", b"".join(number.to_bytes(4) for number in range(31270, 31278)))
    written = transcode(save("PNG", pnginfo=info), "png")
    image = reopen(written)
    assert image.text == reopen(save("PNG", pnginfo=info)).text
    assert (image.text["Author"], image.text["Author"].lang) == ("漢字", "zh")
    assert image.info["gamma"] == pytest.approx(0.45455)
    assert image.info["chromaticity"][0] == pytest.approx(0.3127)
    assert transcode(transcode(written, "png"), "png") == written
    for target in ("jpeg", "webp", "tiff"):
        assert b"Title" not in transcode(written, target)
    assert b"Title" not in encode(PIXELS, "png")


def with_segments(*segments):
    """A JPEG with further segments behind its head."""
    data = save("JPEG")
    extra = b"".join(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload for marker, payload in segments)
    return data[:20] + extra + data[20:]


def test_comments_iptc_and_a_long_xmp_packet_stay_in_jpeg():
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x78\0\x07caption"
    rest = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + b"more"
    written = transcode(with_segments((0xFE, b"made by hand"), (0xED, iptc), (0xE1, rest)), "jpeg")
    image = reopen(written)
    assert image.info["comment"] == b"made by hand"
    assert image.info["photoshop"][0x0404] == b"\x1c\x02\x78\0\x07caption"
    assert rest in written
    for target in ("png", "webp", "tiff"):
        assert b"caption" not in transcode(written, target)
    assert b"caption" not in encode(PIXELS, "jpeg")


@pytest.mark.parametrize(("kind", "warned"), [(0x010001, False), (0x020002, True), (0, True)])
def test_further_pictures_behind_a_jpeg_are_told_unless_they_are_thumbnails(kind, warned):
    entries = struct.pack("<4I", 0x030000, 0, 0, 0) + struct.pack("<4I", kind, 0, 0, 0)
    index = b"MPF\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0xB002, 7, len(entries), 26, 0) + entries
    picture = decode(with_segments((0xE2, index)), "x")
    assert any("further pictures" in warning for warning in picture.warnings) == warned
    assert b"MPF\0" not in transcode(with_segments((0xE2, index)), "jpeg")


def test_pillows_own_file_of_two_pictures_is_told():
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, "MPO", save_all=True, append_images=[Image.fromarray(PIXELS[::-1])])
    assert any("further pictures" in warning for warning in decode(out.getvalue(), "x").warnings)


def test_xmp_says_upright_too_where_pixels_are_turned():
    twice = b'<rdf tiff:Orientation="6"/><tiff:Orientation>6</tiff:Orientation>'
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + twice + b"</x:xmpmeta>"
    exif = make_exif(6)
    exif.get_ifd(0x8769)[0x927C] = bytes(70_000)  # too long for a JPEG
    written = transcode(save("WEBP", exif=exif, xmp=xmp), "jpeg")
    assert reopen(written).info["xmp"] == xmp.replace(b"6", b"1")
    assert reopen(written).size == (PIXELS.shape[0], PIXELS.shape[1])


def test_a_gray_profile_does_not_go_into_a_webp_which_has_no_gray():
    profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    written = transcode(save("PNG", PIXELS[..., 0].copy(), icc_profile=profile), "webp")
    assert "icc_profile" not in reopen(written).info


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("source", "target"),
    [(source, "png") for source in FORMATS]
    + [("JPEG", target) for target in ("jpeg", "webp", "tiff", "avif", "bmp", "pnm", "jpeg2000")],
)
def test_a_picture_stays_the_right_way_up(orientation, source, target):
    if source == "TIFF":
        out = io.BytesIO()
        tifffile.imwrite(out, PIXELS, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        data = out.getvalue()
    else:
        data = save(source, exif=make_exif(orientation))
    seen = np.asarray(ImageOps.exif_transpose(reopen(data)).convert("RGB")).astype(int)
    written = np.asarray(ImageOps.exif_transpose(reopen(transcode(data, target))).convert("RGB"))
    assert written.shape == seen.shape
    assert np.abs(written - seen).mean() < 12  # any other turn is off by 85


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_pixels_come_as_they_are_stored(source):
    picture = decode(transcode(save("PNG", exif=make_exif(6)), OURS[source]), "x")
    assert picture.pixels.shape == PIXELS.shape
    assert picture.metadata.orientation == 6


def test_exif_too_long_for_a_jpeg_turns_the_pixels_instead():
    exif = make_exif(6)
    exif.get_ifd(0x8769)[0x927C] = bytes(70_000)
    image = reopen(transcode(save("PNG", exif=exif), "jpeg"))
    assert image.size == (PIXELS.shape[0], PIXELS.shape[1])
    assert not image.getexif()


def point_to(data, tag, position):
    """Let the last field of this kind in a big-endian file point elsewhere."""
    at = data.rindex(tag.to_bytes(2))
    return data[: at + 2] + b"\0\4\0\0\0\1" + position.to_bytes(4) + data[at + 12 :]


def test_a_tiff_whose_exif_directory_is_lost_keeps_its_orientation():
    whole = transcode(save("PNG", exif=make_exif(3)), "tiff")
    picture = decode(point_to(whole, 0x8769, 10**9), "x")
    assert picture.metadata.orientation == 3
    assert picture.warnings == ("its EXIF is damaged and left out",)


def test_an_orientation_that_makes_no_sense_is_none():
    for value in (0, 9, 65535):
        assert Metadata(exif=make_exif(value).tobytes()[6:]).orientation == 1
    assert Metadata().orientation == 1


def test_directories_that_point_in_circles_end():
    whole = transcode(save("PNG", exif=make_exif(3)), "tiff")
    start = int.from_bytes(whole[4:8])
    assert decode(point_to(whole, 0x8769, start), "x").metadata.orientation == 3
    # The next page is the first one again.
    count = int.from_bytes(whole[start : start + 2])
    end = start + 2 + 12 * count
    with pytest.raises(ImageError, match="damaged"):
        decode(whole[:end] + start.to_bytes(4) + whole[end + 4 :], "x")


def test_no_metadata_is_written_when_none_is_given():
    data = save("JPEG", exif=make_exif(), icc_profile=SRGB, xmp=XMP)
    for target in OURS.values():
        written = encode(decode(data, "x").pixels, target)
        assert b"Camera" not in written
        assert decode(written, "x").metadata.icc is None
        assert decode(written, "x").metadata.xmp is None
