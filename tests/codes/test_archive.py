"""Files of codes: what is written comes back, and a file that means harm is refused with nothing read or written."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from denoise_ae.codes.archive import Codes, PictureCodes, is_safe_name, load_codes, save_codes
from denoise_ae.errors import CodesError, OutputError

RANDOM = np.random.default_rng(0)


def codes_of(*cells, latent=4):
    pictures = [
        PictureCodes(f"{number}.png", (28 * rows, 28 * columns), RANDOM.random((rows * columns, latent), np.float32))
        for number, (rows, columns) in enumerate(cells)
    ]
    return Codes(tuple(pictures), "digits", "ab" * 32, (28, 28))


CODES = codes_of((1, 1), (2, 3), (1, 1))


def arrays_of(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_codes_come_back_as_they_were(place):
    save_codes(place / "a.npz", CODES)
    found = load_codes(place / "a.npz")
    assert (found.model, found.sha256, found.cell, found.latent) == ("digits", "ab" * 32, (28, 28), 4)
    for one, other in zip(found.pictures, CODES.pictures, strict=True):
        assert (one.name, one.size) == (other.name, other.size)
        assert one.codes.dtype == np.float32
        assert np.array_equal(one.codes, other.codes)


def test_numpy_alone_reads_what_people_look_for(place):
    save_codes(place / "a.npz", CODES)
    arrays = arrays_of(place / "a.npz")
    assert arrays["codes"].shape == (8, 4)
    assert arrays["picture"].tolist() == [0, 1, 1, 1, 1, 1, 1, 2]
    assert arrays["names"].tolist() == ["0.png", "1.png", "2.png"]
    assert arrays["sizes"].tolist() == [[28, 28], [56, 84], [28, 28]]
    assert str(arrays["model"]) == "digits"


def test_the_same_codes_make_the_same_file_and_none_is_replaced_unasked(place):
    save_codes(place / "a.npz", CODES)
    before = (place / "a.npz").read_bytes()
    save_codes(place / "b.npz", CODES)
    assert (place / "b.npz").read_bytes() == before
    with pytest.raises(OutputError, match="exists already"):
        save_codes(place / "a.npz", codes_of((1, 1)))
    assert (place / "a.npz").read_bytes() == before
    save_codes(place / "a.npz", codes_of((1, 1)), overwrite=True)
    assert len(load_codes(place / "a.npz").pictures) == 1


class Bomb:
    def __reduce__(self):
        return (open, ("was-here", "w"))


def header(shape, descr="<f4"):
    """An array's file that claims a shape, with four bytes in it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(4)


def changed(**arrays):
    """Change arrays of a good file."""

    def make(good):
        buffer = io.BytesIO()
        np.savez(buffer, **{name: array for name, array in (arrays_of(good) | arrays).items() if array is not None})
        return buffer.getvalue()

    return make


def replaced(name, content, compression=zipfile.ZIP_STORED):
    """Change the bytes of one array of a good file."""

    def make(good):
        buffer = io.BytesIO()
        with zipfile.ZipFile(good) as old, zipfile.ZipFile(buffer, "w", compression) as new:
            for entry in old.namelist():
                new.writestr(entry, content if entry == f"{name}.npy" else old.read(entry))
        return buffer.getvalue()

    return make


def doubled(good):
    buffer = io.BytesIO(good.read_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("codes.npy", header((10**9, 4)))
    return buffer.getvalue()


ATTACKS = {
    "empty": (lambda good: b"", "not a zip"),
    "text": (lambda good: b"codes", "not a zip"),
    "cut": (lambda good: good.read_bytes()[:-200], "no whole file"),
    "pickle": (lambda good: pickle.dumps(Bomb()), "not a zip"),
    "object-array": (changed(names=np.array([Bomb(), 1, 2], object)), "names is object"),
    "compressed": (replaced("x", b"", zipfile.ZIP_DEFLATED), "compressed"),
    "claims-2-40": (replaced("codes", header((2**40, 4))), "claims another size"),
    "claims-overflow": (replaced("codes", header((2**62, 4))), "claims another size"),
    "claims-long-names": (replaced("names", header((1,), f"<U{2**40}")), "no whole file"),
    "header-is-code": (replaced("codes", header((1,)).replace(b"'shape'", b"open   ")), "no whole file"),
    "twice": (doubled, "twice"),
    "no-codes": (changed(codes=None), "holds no codes"),
    "doubles": (changed(codes=np.zeros((8, 4))), "codes is float64"),
    "flat": (changed(codes=np.zeros(8, np.float32)), "codes is float32 in 1"),
    "no-numbers": (changed(codes=np.zeros((8, 0), np.float32)), "holds no codes"),
    "nan": (changed(codes=np.full((8, 4), np.nan, np.float32)), "no finite numbers"),
    "too-many": (changed(codes=np.zeros((9, 4), np.float32)), "more or fewer codes"),
    "huge-sizes": (changed(sizes=np.full((3, 2), 28 * 70_000_000, np.int32)), "more or fewer codes"),
    "odd-sizes": (changed(sizes=np.full((3, 2), 29, np.int32)), "impossible sizes"),
    "no-size": (changed(sizes=np.zeros((3, 2), np.int32)), "impossible sizes"),
    "no-cell": (changed(cell=np.zeros(2, np.int32)), "impossible sizes"),
    "other-pictures": (changed(picture=np.arange(8, dtype=np.int32)), "do not fit together"),
    "one-name": (changed(names=np.array(["a"])), "do not fit together"),
    "newer": (changed(format=np.array(2, np.int32)), "format 2"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_file_that_means_harm_is_refused(place, name):
    save_codes(place / "good.npz", CODES)
    make, message = ATTACKS[name]
    (place / "bad.npz").write_bytes(make(place / "good.npz"))
    with pytest.raises(CodesError) as refusal:
        load_codes(place / "bad.npz")
    assert message in refusal.value.message
    assert "bad.npz" in refusal.value.message
    assert "\n" not in refusal.value.message
    assert refusal.value.hint
    assert {path.name for path in place.iterdir()} == {"good.npz", "bad.npz"}


@pytest.mark.parametrize("name", ["missing.npz", ".", "/dev/zero"])
def test_what_is_no_file_is_refused(place, name):
    with pytest.raises(Exception, match=name.strip("./") or "."):
        load_codes(place / name)


@pytest.mark.parametrize("name", ["a.png", "sub/a.png", "é 漢.png", "..a.png", "-x"])
def test_names_that_stay_in_the_folder(name):
    assert is_safe_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "../a.png", "sub/../../a.png", "/etc/passwd", "a\0b"])
def test_names_that_lead_elsewhere(name):
    assert not is_safe_name(name)
