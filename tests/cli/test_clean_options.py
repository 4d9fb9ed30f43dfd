"""Options of ``denoise-ae clean`` that choose, replace, try and report, as a user types them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from tiny import pattern


@pytest.fixture
def clean(run, network):
    """Run ``clean`` with a tiny network on one thread."""

    def clean(*words):
        return run("clean", "--model", network("rgb"), "--threads", 1, *words)

    return clean


def save(*names: str) -> None:
    """Write pictures, no two of them alike."""
    for seed, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pattern(20, 30, seed=seed)).save(name)


def content(*folders: str) -> dict[str, bytes]:
    """Everything that lies in folders."""
    return {path.as_posix(): path.read_bytes() for folder in folders for path in Path(folder).rglob("*.*")}


def records(path: str | Path) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


class TestInPlace:
    def test_each_picture_is_replaced_and_keeps_its_permissions_and_time(self, clean):
        save("in/a.png", "in/sub/b.jpg")
        Path("in/a.png").chmod(0o640)
        os.utime("in/sub/b.jpg", (1_000_000_000, 1_000_000_000))
        before = content("in")
        status, _, told = clean("in", "--recursive", "--in-place", "--keep-time")
        assert status == 0, told
        after = content("in")
        assert after.keys() == before.keys()
        assert all(after[name] != before[name] for name in before)
        assert Path("in/a.png").stat().st_mode & 0o777 == 0o640
        assert Path("in/sub/b.jpg").stat().st_mtime == 1_000_000_000

    @pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")
    def test_a_link_stays_one_and_without_the_option_it_is_refused(self, clean):
        save("a.png")
        Path("link.png").symlink_to("a.png")
        before = Path("a.png").read_bytes()
        status, _, told = clean("a.png", "-o", "link.png", "--overwrite")
        assert (status, Path("a.png").read_bytes()) == (1, before)
        assert "the output is the input itself" in told
        assert "--in-place" in told
        assert clean("link.png", "--in-place")[0] == 0
        assert Path("link.png").is_symlink()
        assert Path("a.png").read_bytes() != before

    def test_a_bad_picture_stays_as_it_is(self, clean):
        save("a.png")
        Path("bad.png").write_bytes(Path("a.png").read_bytes()[:200])
        before = Path("bad.png").read_bytes()
        assert clean("a.png", "bad.png", "--in-place")[0] == 1
        assert Path("bad.png").read_bytes() == before

    def test_a_damaged_picture_is_not_replaced_unless_that_is_accepted(self, clean):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8)).save("a.jpg")
        half = Path("a.jpg").read_bytes()[:4000] + b"\xff\xd9"
        Path("a.jpg").write_bytes(half)
        status, _, told = clean("a.jpg", "--in-place")
        assert (status, Path("a.jpg").read_bytes()) == (1, half)
        assert "a.jpg: this JPEG is damaged" in told
        assert "--accept-damaged" in told
        status, _, told = clean("a.jpg", "--in-place", "--accept-damaged")
        assert status == 0
        assert "this JPEG is damaged (premature end of data segment)" in told
        assert Image.open("a.jpg").size == (60, 90)


class TestChoice:
    def test_patterns_may_be_repeated(self, clean):
        save("in/a.png", "in/b.JPG", "in/sub/c.png", "in/sub/d.webp", "in/old/e.png")
        words = ["--include", "*.png", "--include", "*.jpg", "--exclude", "old"]
        assert clean("in", "-o", "out", "--recursive", *words)[0] == 0
        assert sorted(content("out")) == ["out/a.png", "out/b.JPG", "out/sub/c.png"]

    def test_pictures_named_outright_are_left_out_by_name(self, clean):
        save("a.png", "b.png")
        status, _, told = clean("a.png", "b.png", "--exclude", "b.*")
        assert status == 0
        assert "skipped: b.png" in told
        assert sorted(content(".")) == ["a-clean.png", "a.png", "b.png"]


class TestMetadata:
    def write(self, name: str) -> None:
        """Write a picture, wider than high, that is to be shown turned, with all that can be known about it."""
        exif = Image.Exif()
        exif[0x0112] = 6  # orientation: turn right by a quarter
        exif[0x010F] = "a camera"
        Image.fromarray(pattern(20, 30)).save(
            name,
            exif=exif,
            icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
            xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>',  # which Pillow writes to all but PNG
        )

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
    def test_it_is_kept_or_stripped_and_the_picture_stays_upright(self, clean, name):
        self.write(name)
        assert clean(name, "-o", f"kept/{name}")[0] == 0
        assert clean(name, "-o", f"stripped/{name}", "--metadata", "strip", "--strength", 0, "--quality", 95)[0] == 0
        known = {"icc_profile", "xmp"}
        with Image.open(f"kept/{name}") as kept, Image.open(name) as source:
            assert kept.size == (30, 20)
            assert (kept.getexif()[0x0112], kept.getexif()[0x010F]) == (6, "a camera")
            assert {key: kept.info.get(key) for key in known} == {key: source.info.get(key) for key in known}
        with Image.open(f"stripped/{name}") as stripped, Image.open(name) as source:
            assert not stripped.getexif()
            assert not known & stripped.info.keys()
            turned = np.asarray(ImageOps.exif_transpose(source).convert("RGB")).astype(int)
            assert np.abs(np.asarray(stripped.convert("RGB")) - turned).mean() < 8


class TestReport:
    def test_it_has_the_lines_of_json(self, clean):
        save("a.png", "exists.png", "out/exists.png")
        Path("bad.png").write_text("no picture")
        words = ["a.png", "exists.png", "bad.png", "gone.png", "-o", "out", "--skip-existing"]
        status, printed, _ = clean(*words, "--json", "--report", "report.jsonl")
        assert status == 1
        lines = Path("report.jsonl").read_text().splitlines()
        assert lines == printed.splitlines()[:-1]
        assert {line["file"]: line["status"] for line in records("report.jsonl")} == {
            "a.png": "cleaned",
            "exists.png": "skipped",
            "bad.png": "failed",
            "gone.png": "failed",
        }

    def test_without_json_it_says_the_same_and_lines_are_printed_as_ever(self, clean):
        save("é漢.png")
        status, printed, told = clean("é漢.png", "-o", "out/", "--report", "new/report.jsonl")
        assert (status, printed) == (0, "")
        assert "é漢.png ->" in told
        (record,) = records("new/report.jsonl")
        assert (record["file"], Path(record["output"]), record["status"]) == ("é漢.png", Path("out/é漢.png"), "cleaned")

    def test_it_replaces_nothing_unless_told_to(self, clean):
        save("a.png")
        Path("report.jsonl").write_text("precious")
        status, _, told = clean("a.png", "--report", "report.jsonl")
        assert status == 1
        assert "report.jsonl: exists already" in told
        assert "--overwrite" in told
        assert Path("report.jsonl").read_text() == "precious"
        assert not Path("a-clean.png").exists()
        assert clean("a.png", "--report", "report.jsonl", "--overwrite")[0] == 0
        assert len(records("report.jsonl")) == 1

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]])
    def test_it_is_no_picture(self, clean, dry):
        save("a.png")
        before = content(".")
        for name in ("a.png", "./a.png", "out/a.png", "out/../out/a.png"):
            assert clean("a.png", "-o", "out/", "--report", name, "--overwrite", *dry)[0] == 1
        assert content(".") == before


class TestDryRun:
    def test_it_tells_all_and_does_nothing(self, clean):
        save("in/a.png", "in/b.png", "in/b.jpg", "in/c.png", "in/d.png", "out/c.webp", "out/d.webp")
        Path("in/bad.png").write_text("no picture")
        Path("out/d.webp").write_text("half")
        before = content(".")
        words = ["in", "-o", "out", "--format", "webp", "--skip-existing", "--report", "report.jsonl"]
        status, printed, told = clean(*words, "--dry-run", "--json")
        assert status == 1
        *lines, summary = map(json.loads, printed.splitlines())
        outcome = {Path(line["file"]).name: line["status"] for line in lines}
        assert outcome == {
            "a.png": "planned",
            "b.png": "failed",
            "b.jpg": "failed",
            "c.png": "skipped",
            "d.png": "failed",
            "bad.png": "failed",
        }
        assert [line["replaces"] for line in lines if line["status"] == "planned"] == [False]
        assert [summary[key] for key in ("planned", "cleaned", "skipped", "failed")] == [1, 0, 1, 4]
        assert "would come from" in told
        assert content(".") == before
        # And the run does as it was told.
        assert clean(*words)[0] == 1
        done = {Path(line["file"]).name: line["status"] for line in records("report.jsonl")}
        assert done == {name: status.replace("planned", "cleaned") for name, status in outcome.items()}

    def test_the_lines_and_the_status_when_all_is_well(self, clean):
        save("a.png", "b.png")
        status, printed, told = clean("a.png", "b.png", "--dry-run")
        assert (status, printed) == (0, "")
        assert f"would clean: a.png -> {Path('a-clean.png')}" in told
        assert "2 would be cleaned, 0 skipped, 0 failed" in told
        assert "replaces" not in told
        assert "replaces" in clean("a.png", "b.png", "--dry-run", "--in-place")[2]

    def test_wrong_usage_and_a_model_that_is_missing_are_found(self, clean):
        save("a.png")
        assert clean("a.png", "--dry-run", "--sigma", "10")[0] == 2  # this model takes no level
        assert clean("a.png", "--dry-run", "--model", "gone.onnx")[0] == 1
        Path("report.jsonl").touch()
        assert clean("a.png", "--dry-run", "--report", "report.jsonl")[0] == 1


class TestOtherPeoplesFiles:
    """What lies where a result would go and is no picture that can be read was not written by us."""

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]])
    def test_skipping_what_exists_leaves_them_alone(self, clean, dry):
        save(
            "in/notes.png", "in/print.jpg", "in/locked.png", "in/cut.png", "in/fine.png", "in/done.png", "out/done.png"
        )
        Path("out/notes.png").write_text("call her on Monday")
        Image.new("CMYK", (30, 20)).save("out/print.jpg")
        Path("out/cut.png").write_bytes(Path("out/done.png").read_bytes()[:100])
        Path("out/locked.png").write_bytes(b"mine")
        Path("out/locked.png").chmod(0)
        before = content("out")
        status, printed, told = clean("in", "-o", "out", "--skip-existing", "--json", *dry)
        assert status == 1
        after = content("out")
        assert {name: after[name] for name in before} == before
        told = {Path(line["file"]).name: line for line in map(json.loads, printed.splitlines()[:-1])}
        assert told["done.png"]["status"] == "skipped"
        assert told["fine.png"]["status"] == ("planned" if dry else "cleaned")
        for name in ("notes.png", "print.jpg", "cut.png", "locked.png"):
            assert told[name]["status"] == "failed"
            assert f"{Path('out', name)}: exists and is no result of ours" in told[name]["error"]
            assert "--overwrite" in told[name]["hint"]
        assert "CMYK" in told["print.jpg"]["error"]

    def test_to_overwrite_replaces_them(self, clean):
        save("in/notes.png")
        Path("out").mkdir()
        Path("out/notes.png").write_text("call her on Monday")
        assert clean("in", "-o", "out", "--overwrite")[0] == 0
        assert Image.open("out/notes.png").size == (30, 20)


@pytest.mark.skipif(os.name == "nt", reason="paths are shorter there")
class TestNamesThatAreTooLong:
    """The source's name fits; with a suffix the result's does not."""

    LONG = f"{'x' * 249}.png"

    @pytest.mark.parametrize("words", [["in"], ["in", "--dry-run"], ["in", "-o", "out", "--suffix", "-longer", "-r"]])
    def test_such_a_picture_fails_and_no_other(self, clean, words):
        save("in/a.png", f"in/{self.LONG}", "in/z.png")
        status, printed, _ = clean(*words, "--json")
        *lines, _ = map(json.loads, printed.splitlines())
        done = "planned" if "--dry-run" in words else "cleaned"
        assert status == 1
        assert [line["status"] for line in sorted(lines, key=lambda line: line["file"])] == [done, "failed", done]
        (failed,) = (line for line in lines if line["status"] == "failed")
        assert self.LONG in failed["file"]
        assert "too long" in failed["error"]

    def test_it_fails_alone_too(self, clean):
        save(self.LONG)
        status, _, told = clean(self.LONG)
        assert status == 1
        assert "too long" in told
        assert "Traceback" not in told


class TestSideBySide:
    def test_the_results_are_the_same(self, clean):
        save(*(f"in/{number}.png" for number in range(9)))
        assert clean("in", "-o", "one")[0] == 0
        status, printed, _ = clean("in", "-o", "three", "--threads", 3, "--jobs", 3, "--json")
        assert status == 0
        assert sorted(Path(line["file"]).stem for line in map(json.loads, printed.splitlines()[:-1])) == list(
            "012345678"
        )
        for number in range(9):
            one, three = (np.asarray(Image.open(f"{folder}/{number}.png")) for folder in ("one", "three"))
            assert np.array_equal(one, three)
