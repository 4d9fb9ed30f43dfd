"""MNIST: reading idx files as they lie about, and fetching them from mirrors that misbehave."""

import gzip
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from idx_files import digits, idx_bytes, write_mnist

from denoise_ae.errors import DenoiseError, OutputError, PackageError, TrainingError
from denoise_ae.training.data.mnist import MNIST, Origin, cache_folder, load_mnist, read_idx

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
IMAGES = "t10k-images-idx3-ubyte.gz"


# Reading


@pytest.mark.parametrize("split", ["train", "test"])
def test_each_split_is_read_with_its_labels(tmp_path, split):
    write_mnist(tmp_path, train=9, test=5)
    images, labels = load_mnist(tmp_path, split)
    expected_images, expected_labels = digits(*{"train": (9, 1), "test": (5, 2)}[split])
    assert images.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(images, expected_images)
    np.testing.assert_array_equal(labels, expected_labels)
    images[0] = 7  # a training may change its own copy


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("infix", ["-idx", ".idx"])
def test_the_names_that_archives_give_the_files(tmp_path, infix, compressed):
    images, labels = digits(3, seed=4)
    for stem, array in (("train-images", images), ("train-labels", labels)):
        data = idx_bytes(array)
        name = f"{stem}{infix}{array.ndim}-ubyte"
        (tmp_path / (f"{name}.gz" if compressed else name)).write_bytes(gzip.compress(data) if compressed else data)
    np.testing.assert_array_equal(load_mnist(tmp_path, "train")[0], images)


def test_the_content_decides_whether_a_file_is_compressed(tmp_path):
    images, _ = digits(3, seed=4)
    unpacked, packed = tmp_path / "a.gz", tmp_path / "b"
    unpacked.write_bytes(idx_bytes(images))
    packed.write_bytes(gzip.compress(idx_bytes(images)))
    np.testing.assert_array_equal(read_idx(unpacked), images)
    np.testing.assert_array_equal(read_idx(packed), images)


IDX = idx_bytes(digits(2, seed=0)[0])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no idx file"),
        (b"<html>log in first</html>", "no idx file"),
        (IDX[:2] + b"\x0d" + IDX[3:], "no idx file"),  # 32-bit floats
        (IDX[:3] + b"\xff" + IDX[4:], "no idx file"),  # 255 dimensions
        (IDX[:10], "cut short"),
        (IDX[:-1], "should hold 1568 values and holds 1567"),
        (IDX + b"x", "should hold 1568 values and holds 1569"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "should hold 79228162458924105385300197375 values"),
        (gzip.compress(IDX, mtime=0)[:-20], "decompressed"),
        (gzip.compress(IDX, mtime=0)[:-8] + bytes(8), "decompressed"),  # wrong checksum
        (gzip.compress(IDX, mtime=0)[:12] + b"\xff" * 20, "decompressed"),
        (gzip.compress(idx_bytes(np.zeros((2, 32, 32))), mtime=0), "no 28x28 digits but an array of 2x32x32"),
        (gzip.compress(idx_bytes(np.zeros((0, 28, 28))), mtime=0), "no 28x28 digits but an array of 0x28x28"),
        (gzip.compress(idx_bytes(np.zeros(2)), mtime=0), "no 28x28 digits but an array of 2"),
        (gzip.compress(idx_bytes(np.zeros((63, 28, 28))), mtime=0), "64 labels for 63 digits"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, content, complaint):
    write_mnist(tmp_path)
    (tmp_path / IMAGES).write_bytes(content)
    with pytest.raises(TrainingError) as caught:
        load_mnist(tmp_path, "test")
    assert complaint in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert "\n" not in caught.value.message
    assert "again" in caught.value.hint


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_file_is_named_and_the_hint_lists_all_four(tmp_path, missing):
    write_mnist(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(TrainingError, match=missing) as caught:
        load_mnist(tmp_path, "train" if missing.startswith("train") else "test")
    assert all(name in caught.value.hint for name in (*FILES, "--data"))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(TrainingError, match="nowhere: no such folder"):
        load_mnist(tmp_path / "nowhere", "train")


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the superuser, as in a container, may read everything
    with pytest.raises(TrainingError, match=f"{IMAGES}: can't be read .Permission denied"):
        load_mnist(tmp_path, "test")


def test_looking_at_digits_loads_no_deep_learning_framework():
    program = (
        "import sys, denoise_ae.training.data.mnist; sys.exit(bool({'torch', 'lightning', 'onnx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# Downloading


class Mirrors:
    """A web server with a folder for each mirror, and a list of what was asked of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[str] = []
        requests = self.requests

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                if self.path.startswith("/truncating/"):
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    self.wfile.write(b"\x1f\x8b only a little")
                elif self.path.startswith("/hanging/"):
                    release.wait(60)
                else:
                    super().do_GET()

            def log_message(self, *args: object) -> None:
                pass

        release = self.release = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
        write_mnist(root / "good")
        self.sha256 = {name: hashlib.sha256((root / "good" / name).read_bytes()).hexdigest() for name in FILES}

    def origin(self, *names: str, timeout: float = 30.0) -> Origin:
        """Return an origin whose mirrors are these folders of the server."""
        base = f"http://127.0.0.1:{self.server.server_port}"
        return Origin(tuple(f"{base}/{name}/" for name in names), self.sha256, timeout)


@pytest.fixture
def mirrors(tmp_path, monkeypatch) -> Iterator[Mirrors]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Mirrors(tmp_path / "served")
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.release.set()
    served.server.shutdown()
    served.server.server_close()
    thread.join()


def test_the_first_training_downloads_and_the_second_does_not(mirrors):
    first = load_mnist(None, "train", origin=mirrors.origin("good"))
    np.testing.assert_array_equal(first[0], digits(256, seed=1)[0])
    assert len(mirrors.requests) == 2  # the test split is left alone
    again = load_mnist(None, "train", origin=mirrors.origin("good"))
    np.testing.assert_array_equal(again[0], first[0])
    assert len(mirrors.requests) == 2


def test_the_cache_holds_the_files_under_their_own_names_and_nothing_else(home, mirrors):
    load_mnist(None, "test", origin=mirrors.origin("good"))
    assert cache_folder() == home / "cache" / "mnist"
    assert sorted(path.name for path in cache_folder().iterdir()) == sorted(FILES[2:])
    np.testing.assert_array_equal(load_mnist(cache_folder(), "test")[0], digits(64, seed=2)[0])


def test_progress_is_told_up_to_the_end_of_each_file(mirrors):
    calls = []
    load_mnist(None, "test", origin=mirrors.origin("good"), progress=lambda *call: calls.append(call))
    for name in FILES[2:]:
        size = (mirrors.root / "good" / name).stat().st_size
        received = [done for file, done, total in calls if file == name and total == size]
        assert received == sorted(received)
        assert received[-1] == size


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("missing", "HTTP status 404"),
        ("changed", "wrong checksum"),
        ("truncating", "16 bytes read, 99984 more expected"),
        ("hanging", "timed out"),
    ],
)
def test_a_mirror_that_fails_is_passed_over_and_named_when_all_fail(mirrors, bad, reason):
    write_mnist(mirrors.root / "changed", train=3, test=3)
    timeout = 1.0 if bad == "hanging" else 30.0
    images, _ = load_mnist(None, "test", origin=mirrors.origin(bad, "good", timeout=timeout))
    np.testing.assert_array_equal(images, digits(64, seed=2)[0])

    with pytest.raises(TrainingError, match=reason) as caught:
        load_mnist(None, "train", origin=mirrors.origin(bad, "missing", timeout=timeout))
    assert "HTTP status 404" in caught.value.message  # the second mirror's reason stands beside the first's
    assert "\n" not in caught.value.message
    assert all(name in caught.value.hint for name in (*FILES, "--data"))
    assert not list(cache_folder().glob("*train*"))


def test_without_a_network_the_hint_says_how_to_go_on(mirrors):
    unused = mirrors.origin("good")
    mirrors.server.server_close()  # from here on connections are refused
    with pytest.raises(TrainingError, match="can't download MNIST's train-images") as caught:
        load_mnist(None, "train", origin=unused)
    assert "--data" in caught.value.hint


@pytest.mark.parametrize(("proxy", "reason"), [("server", "proxy: .*501"), ("closed", "proxy: .*(refused|reset)")])
def test_a_proxy_that_refuses_is_one_line(mirrors, monkeypatch, proxy, reason):
    """The server here knows no CONNECT, as a proxy must."""
    if proxy == "closed":
        mirrors.server.server_close()
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{mirrors.server.server_port}")
    with pytest.raises(TrainingError, match=reason) as caught:
        load_mnist(None, "train", origin=Origin(("https://mnist.invalid/",), mirrors.sha256))
    assert "\n" not in caught.value.message and len(caught.value.message) < 200
    assert "--data" in caught.value.hint


def test_a_download_prints_nothing_of_its_own(mirrors, capfd):
    load_mnist(None, "test", origin=mirrors.origin("missing", "good"))
    assert capfd.readouterr() == ("", "")


def test_without_pooch_it_says_what_to_install_or_to_give(mirrors, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(PackageError, match="pooch") as caught:
        load_mnist(None, "test", origin=mirrors.origin("good"))
    assert "denoise-ae[train]" in caught.value.hint and "--data" in caught.value.hint
    write_mnist(mirrors.root / "folder")
    assert len(load_mnist(mirrors.root / "folder", "test")[1]) == 64


def test_a_cache_that_cannot_be_made_is_an_error_of_ours(home, mirrors):
    (home / "cache").write_text("a file where the folder should be")
    with pytest.raises(OutputError) as caught:
        load_mnist(None, "test", origin=mirrors.origin("good"))
    assert isinstance(caught.value, DenoiseError)
    assert str(home) in caught.value.message


def test_the_platforms_cache_is_used_without_a_home_of_our_own(monkeypatch):
    monkeypatch.delenv("DENOISE_AE_HOME", raising=False)
    folder = cache_folder()
    assert folder.name == "mnist"
    assert "denoise-ae" in str(folder)


def test_the_real_origin_knows_all_four_files_and_more_than_one_mirror():
    assert set(MNIST.sha256) == set(FILES)
    assert all(len(checksum) == 64 for checksum in MNIST.sha256.values())
    assert len({mirror.split("/")[2] for mirror in MNIST.mirrors}) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MNIST.mirrors)
