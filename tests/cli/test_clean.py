"""``denoise-ae clean`` as a user types it: real files, a real (tiny) ONNX model, a process of its own."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import Graph

import denoise_ae
from denoise_ae.cli import main
from denoise_ae.modelfiles.card import ModelCard

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with blur.onnx, the mean of 3 x 3 pixels, and slow.onnx, the same after much work for nothing."""
    folder = tmp_path_factory.mktemp("models")
    for name, detours in (("blur", 0), ("slow", 12)):
        graph = Graph()
        output = graph.add("Conv", "image", np.full((3, 1, 3, 3), 1 / 9, np.float32), pads=[1] * 4, group=3)
        for _ in range(detours):
            detour = graph.conv(graph.conv("image", 3, 64), 64, 3, gain=0)
            output = graph.add("Add", output, detour)
        card = ModelCard(name, receptive_field=3)
        (folder / f"{name}.onnx").write_bytes(graph.model(output, card).SerializeToString())
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(denoise_ae.__file__).parents[1]))
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def command(place, models):
    """The words before a clean command's own."""
    return [sys.executable, "-m", "denoise_ae", "clean", "--threads", "1", "--model", str(models / "blur.onnx")]


@pytest.fixture
def clean(command):
    """Run the command in a process of its own."""

    def run(*words, **options):
        return subprocess.run([*command, *map(str, words)], capture_output=True, timeout=60, check=False, **options)

    return run


@pytest.fixture
def clean_here(command, capfdbinary):
    """Run the command in this process, which saves loading everything anew."""

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([*command[3:], *map(str, words)])
        return subprocess.CompletedProcess(words, ended.value.code, *capfdbinary.readouterr())

    return run


def noisy(path, size=(40, 30), sigma=25, seed=0, **options) -> np.ndarray:
    """Write a gradient with noise, and return it without."""
    width, height = size
    truth = np.stack([np.linspace(60, 180, width)[None].repeat(height, 0)] * 3, axis=-1)
    pixels = truth + np.random.default_rng(seed).normal(0, sigma, truth.shape)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8)).save(path, **options)
    return truth


def error_of(path, truth) -> float:
    return float(np.abs(np.asarray(Image.open(path)).astype(float) - truth).mean())


def tree(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def written(folder) -> dict[str, int]:
    """When each file was written, in nanoseconds."""
    return {name: Path(folder, name).stat().st_mtime_ns for name in tree(folder)}


def text(result) -> str:
    return result.stderr.decode()


class TestOnePicture:
    def test_it_becomes_cleaner_and_the_level_is_told(self, clean):
        truth = noisy("noisy.png", sigma=25)
        result = clean("noisy.png", "-o", "clean.png")
        assert result.returncode == 0, text(result)
        assert error_of("clean.png", truth) < error_of("noisy.png", truth) * 0.6
        assert "noisy.png -> clean.png" in text(result)
        assert "estimated" in text(result)
        assert "cpu" in text(result)
        assert "little noise" not in text(result)
        assert result.stdout == b""
        assert tree(".") == ["clean.png", "noisy.png"]

    def test_a_clean_picture_is_said_to_have_little_noise(self, clean_here):
        Image.new("RGB", (60, 40), (90, 120, 40)).save("flat.png")
        assert "little noise found" in text(clean_here("flat.png", "-o", "clean.png", "--model", "photo"))

    def test_a_clean_picture_that_is_changed_is_not(self, clean_here):
        """The stand-in blurs, whatever little noise is estimated."""
        noisy("edges.png", sigma=0)
        told = text(clean_here("edges.png", "-o", "blurred.png"))
        assert "little noise" not in told
        before, after = (np.array(Image.open(name)).astype(float) for name in ("edges.png", "blurred.png"))
        (rms,) = re.findall(r"changed by ([\d.]+) rms", told)
        assert float(rms) == pytest.approx(np.sqrt(np.square(after - before).mean()), abs=0.15)

    @pytest.mark.parametrize("chroma", ["4:4:4", "4:2:0"])
    def test_a_noisy_jpeg_is_not_taken_for_a_clean_picture(self, clean_here, chroma):
        noisy("noisy.jpg", size=(300, 200), sigma=20, quality=85, subsampling=chroma)
        told = json.loads(clean_here("noisy.jpg", "--json").stdout.splitlines()[0])
        assert 8 < told["sigma"] < 25

    def test_strength_zero_gives_every_pixel_back(self, clean_here):
        noisy("noisy.png")
        assert clean_here("noisy.png", "--strength", 0).returncode == 0
        assert np.array_equal(np.asarray(Image.open("noisy.png")), np.asarray(Image.open("noisy-clean.png")))

    def test_format_quality_suffix_and_metadata(self, clean_here):
        exif = Image.Exif()
        exif[0x010F] = "a camera"
        noisy("noisy.jpg", size=(200, 200), quality=90, exif=exif)
        assert clean_here("noisy.jpg", "-o", "out/", "--format", "webp", "--suffix", "_dn").returncode == 0
        assert tree("out") == ["noisy_dn.webp"]
        assert Image.open("out/noisy_dn.webp").getexif()[0x010F] == "a camera"
        assert clean_here("noisy.jpg", "-o", "low.jpg", "--quality", 10, "--metadata", "strip").returncode == 0
        assert clean_here("noisy.jpg", "-o", "same.jpg").returncode == 0
        assert Path("low.jpg").stat().st_size < Path("same.jpg").stat().st_size / 2
        assert not Image.open("low.jpg").getexif()
        assert Image.open("same.jpg").getexif()[0x010F] == "a camera"

    @needs_posix
    def test_any_name_works_and_none_commands_the_terminal(self, clean):
        names = ["-dash.png", "[red]a.png", "new\nline\x1b[31m.png", "x" * 200 + ".png", "é漢字 🙂.png"]
        for name in names:
            noisy(Path(name))
        result = clean("-o", "out/", "--", *names)
        assert result.returncode == 0, text(result)
        assert sorted(path.name for path in Path("out").iterdir()) == names
        assert "new\\nline\\x1b[31m.png" in text(result)
        assert "\x1b" not in text(result)

    def test_a_long_path_works(self, clean_here):
        folder = Path("in", *["d" * 60] * 5)
        noisy(folder / "a.png")
        assert clean_here("in", "-o", "out", "--recursive").returncode == 0
        assert tree("out") == [f"{'/'.join(['d' * 60] * 5)}/a.png"]

    def test_a_missing_or_bad_picture_is_one_line_and_status_1(self, clean_here):
        Path("text.png").write_text("no picture at all")
        Path("empty.png").touch()
        result = clean_here("gone.png", "text.png", "empty.png", "-o", "out", "-q")
        assert result.returncode == 1
        errors = [line for line in text(result).splitlines() if line.startswith("error: ")]
        assert [next(name for name in ("gone", "text", "empty") if name in line) for line in errors] == [
            "gone",
            "text",
            "empty",
        ]
        assert "Traceback" not in text(result)
        assert not Path("out").exists()
        assert "Traceback" in text(clean_here("text.png", "-o", "out/", "--debug"))

    def test_decoders_print_nothing_of_their_own(self, clean):
        """Neither of what is refused nor of what is cleaned; libpng and libjpeg would remark on these."""
        noisy("a.png", size=(60, 40))
        png = Path("a.png").read_bytes()
        start = png.index(b"IDAT")
        end = start + 4 + int.from_bytes(png[start - 4 : start])
        chunk = bytearray(png[start:end])
        chunk[len(chunk) // 2] ^= 0x55
        Path("a.png").write_bytes(png[:start] + chunk + zlib.crc32(chunk).to_bytes(4) + png[end + 4 :])
        noisy("a.jpg", size=(60, 40), quality=90)
        jpeg = Path("a.jpg").read_bytes()
        Path("a.jpg").write_bytes(jpeg[:-100] + b"\xff\xd5\x12\x34\xff\xd1" + jpeg[-94:])
        refused, cleaned = clean("a.png", "-o", "-"), clean("a.jpg", "-o", "-", "--accept-damaged")
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert [line.split()[0] for line in text(refused).splitlines()] == ["model", "error:", "hint:"]
        assert {line.split()[0] for line in text(cleaned).splitlines()} <= {"model", "a.jpg", "warning:"}
        assert Image.open(io.BytesIO(cleaned.stdout)).size == (60, 40)

    def test_the_limit_on_pixels(self, clean_here):
        noisy("noisy.png")
        result = clean_here("noisy.png", "-o", "out.png", "--max-megapixels", "0.001")
        assert result.returncode == 1
        assert "noisy.png" in text(result)
        assert not Path("out.png").exists()


class TestFolders:
    def test_the_tree_is_mirrored_and_one_bad_file_does_not_stop_the_rest(self, clean, clean_here):
        for name in ("a.png", "sub/b.jpg", "sub/deep/c.webp", "sub/deep/d.tif"):
            noisy(f"in/{name}")
        Path("in/sub/bad.png").write_bytes(Path("in/a.png").read_bytes()[:300])
        Path("in/notes.txt").write_text("not for us")
        Path("in/.hidden.png").write_text("not for us")
        result = clean("in", "-o", "in/out", "--recursive")
        assert result.returncode == 1
        assert tree("in/out") == ["a.png", "sub/b.jpg", "sub/deep/c.webp", "sub/deep/d.tif"]
        assert "4 cleaned, 0 skipped, 1 failed" in text(result)
        assert [line for line in text(result).splitlines() if line.startswith("failed: ") and "bad.png" in line]
        assert "megapixels a second" in text(result)

        # A second run does nothing new, a third one replaces.
        before = written("in/out")
        again = clean_here("in", "-o", "in/out", "--recursive", "--skip-existing")
        assert "0 cleaned, 4 skipped, 1 failed" in text(again)
        assert written("in/out") == before
        refused = clean_here("in", "-o", "in/out", "--recursive")
        assert "0 cleaned, 0 skipped, 5 failed" in text(refused)
        assert written("in/out") == before
        assert "4 cleaned" in text(clean_here("in", "-o", "in/out", "--recursive", "--overwrite"))
        assert written("in/out") != before

    def test_pictures_beside_their_results(self, clean_here):
        noisy("1.png")
        noisy("2.png")
        assert clean_here(".").returncode == 0
        assert tree(".") == ["1-clean.png", "1.png", "2-clean.png", "2.png"]
        assert clean_here(*tree("."), "--skip-existing").returncode == 0
        assert tree(".") == ["1-clean.png", "1.png", "2-clean.png", "2.png"]

    def test_a_collision_and_an_output_that_is_the_input(self, clean_here):
        for name in ("a.png", "a.jpg", "b.png"):
            noisy(name)
        before = {name: Path(name).read_bytes() for name in tree(".")}
        result = clean_here("a.png", "a.jpg", "b.png", "-o", "out", "--format", "png")
        assert result.returncode == 1
        assert tree("out") == ["b.png"]
        assert text(result).count("error: ") == 2
        assert clean_here("a.png", "-o", "./a.png", "--overwrite").returncode == 1
        assert {name: Path(name).read_bytes() for name in before} == before


class TestStreams:
    def test_a_picture_goes_through_a_pipe(self, clean):
        truth = noisy("noisy.png")
        result = clean("-", input=Path("noisy.png").read_bytes())
        assert result.returncode == 0
        assert Image.open(io.BytesIO(result.stdout)).format == "PNG"
        assert error_of(io.BytesIO(result.stdout), truth) < error_of("noisy.png", truth)
        result = clean("noisy.png", "-o", "-", "--format", "jpg")
        assert result.stdout[:3] == b"\xff\xd8\xff"
        assert tree(".") == ["noisy.png"]

    def test_an_empty_pipe_is_an_error(self, clean):
        result = clean("-", "-o", "out.png", input=b"")
        assert result.returncode == 1
        assert "standard input" in text(result)
        assert "Traceback" not in text(result)
        assert not Path("out.png").exists()

    @needs_posix
    def test_a_pipe_that_nobody_reads_ends_quietly(self, command, place):
        noisy("noisy.png", size=(400, 400))
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run(
            [*command, "noisy.png", "-o", "-"], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
        )
        os.close(writer)
        assert result.returncode == 1
        assert text(result).count("\n") <= 3
        assert "Traceback" not in text(result)
        assert "Exception ignored" not in text(result)

    @needs_posix
    @pytest.mark.parametrize(
        "words",
        [
            "big.png -o - | head -c 10",
            "big.png -o - --format jpg | head -c 10",
            "- < big.png | head -c 10",
            "in -o out --json | head -c 10",
            "in -o out 2>&1 | head -c 10",
            "in -o out 2>&-",
            "big.png -o - >&-",
            "- -o out.png <&-",
        ],
    )
    def test_streams_that_are_closed_end_it_quietly(self, command, place, words):
        noisy("big.png", size=(400, 400))
        for number in range(8):
            noisy(f"in/{number}.png")
        result = subprocess.run(
            ["sh", "-c", f'"$@" {words}', "sh", *command], capture_output=True, timeout=60, check=False
        )
        assert "Traceback" not in text(result)
        assert "Exception ignored" not in text(result)
        assert text(result).count("\n") <= 3
        if "head" in words:
            assert len(result.stdout) == 10
        for path in Path("out").glob("*"):
            Image.open(path).load()
        assert not list(Path().rglob(".*.tmp"))

    @needs_posix
    def test_no_picture_is_written_to_a_terminal(self, command, place):
        noisy("noisy.png")
        screen, output = os.openpty()
        result = subprocess.run(
            [*command, "noisy.png", "-o", "-"], stdout=output, stderr=subprocess.PIPE, timeout=60, check=False
        )
        os.close(output)
        os.close(screen)
        assert result.returncode == 2
        assert "terminal" in text(result)


class TestTelling:
    def test_json(self, clean_here):
        noisy("a.png", sigma=20)
        noisy("exists.png")
        Path("bad.png").write_text("no picture")
        noisy("out/exists.png")
        result = clean_here("a.png", "exists.png", "bad.png", "-o", "out", "--json", "--skip-existing")
        assert result.returncode == 1
        *lines, summary = [json.loads(line) for line in result.stdout.splitlines()]
        by_name = {line["file"]: line for line in lines}
        cleaned = by_name["a.png"]
        assert cleaned["status"] == "cleaned"
        assert Path(cleaned["output"]) == Path("out/a.png")
        assert cleaned["sigma_estimated"]
        assert cleaned["sigma"] == pytest.approx(20, rel=0.3)
        assert {"megapixels", "seconds", "little_noise", "warnings"} <= set(cleaned)
        assert by_name["exists.png"]["status"] == "skipped"
        assert by_name["bad.png"]["status"] == "failed"
        assert "bad.png" in by_name["bad.png"]["error"]
        assert summary["status"] == "summary"
        assert [summary[key] for key in ("cleaned", "skipped", "failed", "interrupted")] == [1, 1, 1, False]

    @pytest.fixture
    def on_terminal(self, command, place):
        """Run the command with a terminal for stderr; gives its status and what the terminal was sent."""

        def run(*words, **environment):
            import pty
            import threading

            screen, stderr = pty.openpty()
            shown = bytearray()

            def watch():
                try:
                    while chunk := os.read(screen, 4096):
                        shown.extend(chunk)
                except OSError:
                    pass  # the other end is closed

            watcher = threading.Thread(target=watch)
            watcher.start()
            environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"} | environment
            result = subprocess.run(
                [*command, *words], stderr=stderr, stdout=subprocess.PIPE, env=environment, timeout=60, check=False
            )
            os.close(stderr)
            watcher.join()
            os.close(screen)
            assert result.stdout == b""
            return result.returncode, shown.decode()

        return run

    @needs_posix
    @pytest.mark.parametrize("plain", [False, True])
    def test_a_terminal_gets_a_bar_and_colours_unless_told_not_to(self, on_terminal, plain):
        noisy("a.png", size=(300, 300))
        noisy("b.png", size=(300, 300))
        Path("bad.png").write_text("no picture")
        status, drawn = on_terminal("a.png", "b.png", "bad.png", "-o", "out", **({"NO_COLOR": "1"} if plain else {}))
        assert status == 1
        assert "3/3" in drawn
        assert "MP/s" in drawn
        assert "\x1b[?25h" in drawn, "the cursor comes back"
        assert ("\x1b[1;31merror" in drawn) is not plain

    @needs_posix
    def test_a_terminal_without_a_cursor_gets_lines_alone(self, on_terminal):
        noisy("a.png")
        status, drawn = on_terminal("a.png", TERM="dumb")
        assert status == 0
        assert [line.split()[0] for line in drawn.split("\r\n")[:-1]] == ["model", "a.png"]


class TestLibraries:
    """As with too little memory."""

    @pytest.fixture
    def broken(self, place, monkeypatch):
        """A module that can't be loaded, in place of a real one."""

        def break_module(name):
            text = "raise ImportError('IMPORTANT: read this\\n\\nmany lines\\nlibfoo.so: failed to map segment\\n')"
            (place / "broken").mkdir()
            (place / "broken" / f"{name}.py").write_text(text)
            monkeypatch.setenv("PYTHONPATH", f"{place / 'broken'}{os.pathsep}{os.environ['PYTHONPATH']}")

        return break_module

    @pytest.mark.parametrize("module", ["onnxruntime", "numpy"])
    @pytest.mark.parametrize("names", [["a.png"], ["a.png", "b.png"]], ids=str)
    def test_one_that_cannot_be_loaded_is_one_line_and_a_hint(self, clean, broken, names, module):
        for name in names:
            noisy(name)
        broken(module)
        result = clean(*names)
        assert result.returncode == 1
        error, hint = text(result).splitlines()
        assert error.startswith("error: ")
        assert error.endswith("a library can't be loaded: libfoo.so: failed to map segment")
        assert "memory" in hint

    def test_one_that_a_picture_needs_is_no_damage_to_the_picture(self, clean, broken):
        noisy("a.jpg")
        noisy("b.png")
        broken("simplejpeg")
        result = clean("a.jpg", "b.png", "-o", "out")
        assert result.returncode == 1
        assert "a.jpg: a library can't be loaded: libfoo.so: failed to map segment" in text(result)
        assert tree("out") == ["b.png"]


class TestUsage:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ([], "Missing argument"),
            (["a.png", "--strength", "1.6"], "strength"),
            (["a.png", "--strength", "nan"], "strength"),
            (["a.png", "--sigma", "loud"], "--sigma"),
            (["a.png", "--sigma", "-1"], "--sigma"),
            (["a.png", "--quality", "0"], "quality"),
            (["a.png", "--format", "docx"], "--format"),
            (["a.png", "--overwrite", "--skip-existing"], "--skip-existing"),
            (["a.png", "-o", "-", "--json"], "--json"),
            (["a.png", "--in-place", "-o", "b.png"], "--in-place"),
            (["a.png", "--in-place", "--suffix", "x"], "--in-place"),
            (["a.png", "--in-place", "--skip-existing"], "--in-place"),
            (["a.png", "--jobs", "0"], "jobs"),
            (["a.png", "--jobs", "2.5"], "jobs"),
            (["a.png", "--jobs", "2"], "--threads"),  # there is one, see `command`
            (["a.png", "-o", "-", "--keep-time"], "--keep-time"),
            (["a.png", "--report", "-"], "--json"),
            (["a.png", "--include", "[z-a]"], "--include"),
            ([""], "empty"),
            (["", "--in-place"], "empty"),
            (["a.png", "-o", ""], "empty"),
        ],
    )
    def test_wrong_usage_is_status_2(self, clean_here, words, said):
        noisy("a.png")
        result = clean_here(*words)
        assert result.returncode == 2, text(result)
        assert said in text(result)
        assert tree(".") == ["a.png"]

    @pytest.mark.parametrize("words", [["1000000"], ["8000"], ["8000", "--jobs", "7999"]], ids=str)
    def test_thousands_of_threads_are_refused(self, clean_here, words):
        noisy("a.png")
        result = clean_here("a.png", "--threads", *words)
        assert result.returncode == 2
        most = max(16, 4 * os.cpu_count())
        assert f"{words[0]} threads are too many" in text(result)
        assert f"--threads {most} or less" in text(result)
        assert clean_here("a.png", "--threads", 16).returncode == 0

    def test_a_level_for_a_model_that_takes_none(self, clean_here):
        noisy("a.png")
        result = clean_here("a.png", "--sigma", 10)
        assert result.returncode == 2
        assert "takes no noise level" in text(result)

    def test_no_such_model_or_device(self, clean_here):
        noisy("a.png")
        for words in (["--model", "gone.onnx"], ["--device", "abacus"]):
            result = clean_here("a.png", *words)
            assert result.returncode == 1
            assert words[1] in text(result)
            assert "hint: " in text(result)


@needs_posix
class TestInterruption:
    """Whatever ends the process: every file under a final name is whole."""

    @pytest.fixture
    def running(self, command, models):
        noisy("in/0.png", size=(400, 300))
        for number in range(1, 30):
            Path(f"in/{number}.png").hardlink_to("in/0.png")
        words = [str(models / "slow.onnx") if word.endswith("blur.onnx") else word for word in command]
        words += ["in", "-o", "out", "--report", "report.jsonl"]
        # A shell's background job, which these tests may be, ignores Ctrl-C, and so would what it starts.
        ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(words, stderr=subprocess.PIPE)
        signal.signal(signal.SIGINT, ignored)
        end = time.monotonic() + 120
        while len(list(Path("out").glob("*.png"))) < 2 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        yield process
        process.kill()
        process.wait()
        process.stderr.close()

    def whole(self) -> int:
        results = list(Path("out").glob("[!.]*"))
        for path in results:
            Image.open(path).load()
        return len(results)

    def test_killed(self, running):
        running.kill()
        running.wait()
        assert 2 <= self.whole() < 30
        told = Path("report.jsonl").read_text()
        assert told.endswith("}\n")
        lines = [json.loads(line) for line in told.splitlines()]
        assert 1 <= len(lines) <= self.whole()
        assert all(line["status"] == "cleaned" and Path(line["output"]).exists() for line in lines)

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_ctrl_c_or_a_polite_kill(self, running, number, status):
        running.send_signal(number)
        _, stderr = running.communicate(timeout=30)
        assert running.returncode == status
        assert "Traceback" not in stderr.decode()
        assert 2 <= self.whole() < 30
        assert all(path.suffix == ".png" for path in Path("out").iterdir()), "no temporary file is left"
        if number == signal.SIGINT:
            done = sum(
                json.loads(line)["status"] == "cleaned" for line in Path("report.jsonl").read_text().splitlines()
            )
            told = f"Interrupted. {done} of 30 done; run the same command with --skip-existing to continue."
            assert told in stderr.decode() and "error: " not in stderr.decode()
