"""What JPEG 2000 says about itself is read and written, as other programs see it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.headers import read_header
from denoise_ae.imagefiles.images import decode, encode
from denoise_ae.imagefiles.metadata import Metadata

RGB = np.random.default_rng(8).integers(0, 256, (20, 30, 3), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><note tiff:Orientation="6">h\xc3\xa9</note></x:xmpmeta>'


def make_exif(orientation):
    exif = Image.Exif()
    exif[271], exif[274] = "Camera & Sons", orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def pillow(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG2000", **options)
    return out.getvalue()


def box(kind, content):
    return struct.pack(">I4s", len(content) + 8, kind) + content


def with_colours(data, content):
    """Replace the box that says what the colours of Pillow's file are, and mend the length of the one around it."""
    at = data.index(b"colr") - 4
    (length,) = struct.unpack_from(">I", data, at)
    start = data.index(b"jp2h") - 4
    (around,) = struct.unpack_from(">I", data, start)
    new = box(b"colr", content)
    head = struct.pack(">I", around + len(new) - length)
    return data[:start] + head + data[start + 4 : at] + new + data[at + length :]


def test_all_that_is_said_stays():
    described = Metadata(make_exif(1), SRGB, XMP, (300.0, 150.0))
    written = encode(RGB, "jpeg2000", metadata=described)
    image = Image.open(io.BytesIO(written))
    assert image.info["dpi"] == pytest.approx((300, 150), rel=1e-4)
    assert np.array_equal(np.asarray(image), RGB)
    picture = decode(written, "x")
    assert np.array_equal(picture.pixels, RGB)
    assert (picture.metadata.exif, picture.metadata.icc) == (described.exif, SRGB)
    assert picture.metadata.xmp == XMP.replace(b'"6"', b'"1"')  # what nobody turns is upright
    again = decode(encode(picture.pixels, "jpeg2000", metadata=picture.metadata), "x")
    assert again.metadata.resolution == pytest.approx((300, 150), rel=1e-4)
    assert again.metadata.icc == SRGB


def test_what_others_append_behind_the_codestream_stays():
    """As ExifTool does."""
    exif = make_exif(1)
    data = pillow(RGB) + box(b"uuid", b"JpgTiffExif->JP2" + exif) + box(b"uuid", XMP_UUID + XMP) + b"\0\0\0\1junk"
    metadata = decode(data, "x").metadata
    assert metadata.exif == exif
    assert metadata.xmp == XMP.replace(b'"6"', b'"1"')


@pytest.mark.parametrize(
    ("place", "value", "kind"),
    [(16, struct.pack(">I", 1), "starts inside its grid"), (43, b"\2\2", "colours at less than full size")],
)
def test_pictures_that_opencv_cannot_decode_are_refused_by_name(place, value, kind):
    data = bytearray(pillow(RGB))
    at = data.index(b"\xff\x4f\xff\x51") + place
    data[at : at + len(value)] = value
    with pytest.raises(ImageError, match=kind):
        read_header(bytes(data), "x")


def test_a_profile_of_another_program_is_read():
    picture = decode(with_colours(pillow(RGB), bytes([2, 0, 0]) + SRGB), "x")
    assert picture.metadata.icc == SRGB
    assert np.array_equal(picture.pixels, RGB)


def test_a_turned_picture_is_written_upright():
    written = encode(RGB, "jpeg2000", metadata=Metadata(make_exif(6), dpi=(300.0, 150.0)))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written))), np.rot90(RGB, -1))
    metadata = decode(written, "x").metadata
    assert metadata.orientation == 1
    assert b"Camera & Sons" in metadata.exif
    assert metadata.resolution == pytest.approx((150, 300), rel=1e-4)


def test_a_gray_profile_is_for_gray_alone():
    gray = SRGB[:16] + b"GRAY" + SRGB[20:]
    assert decode(encode(RGB, "jpeg2000", metadata=Metadata(icc=gray)), "x").metadata.icc is None
    assert decode(encode(RGB[..., 0].copy(), "jpeg2000", metadata=Metadata(icc=gray)), "x").metadata.icc == gray


@pytest.mark.parametrize("dpi", [1e-6, 0.5, 72, 300, 1200.5, 10**6, 10**9])
def test_any_resolution_can_be_said(dpi):
    found = decode(encode(RGB, "jpeg2000", metadata=Metadata(dpi=(dpi, dpi))), "x").metadata.resolution
    assert found == pytest.approx((max(dpi, 1e-3),) * 2, rel=1e-4)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (bytes([1, 0, 0]) + struct.pack(">I", 12), "CMYK"),
        (bytes([2, 0, 0]) + SRGB[:16] + b"CMYK" + SRGB[20:], "CMYK"),
        (bytes([2, 0, 0]) + SRGB[:16] + b"Lab " + SRGB[20:], "Lab colours"),
    ],
)
def test_other_colours_are_refused_by_name(content, kind):
    with pytest.raises(ImageError, match=f"JPEG 2000 with {kind} is not supported"):
        read_header(with_colours(pillow(RGB), content), "x")


def test_a_codestream_without_boxes_is_read():
    whole = pillow(RGB)
    bare = whole[whole.index(b"\xff\x4f\xff\x51") :]
    assert np.array_equal(decode(bare, "x").pixels, RGB)
    assert decode(bare, "x").metadata == Metadata()


@pytest.mark.parametrize("length", [2, 7, 2**31])
def test_boxes_that_lie_about_their_length_are_an_error(length):
    data = bytearray(pillow(RGB))
    struct.pack_into(">I", data, data.index(b"jp2h") - 4, length)
    with pytest.raises(ImageError) as error:
        decode(bytes(data), "x")
    assert "\n" not in error.value.message
