"""Disks, folders and files that fail, change or vanish under a batch, and streams that nobody can write to."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import Run, content, wait_until, write_pictures

import denoise_ae

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="disturbs files in Linux's ways")

OWN_MOUNTS = ("unshare", "--mount", "sh", "-c")
WITHOUT_ROOT = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
NAMES = [f"{number}.png" for number in range(60)]


def works(*command) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def mounts(place):
    """Words that start a command where something is mounted for it alone, over the folder ``out``."""
    Path("out").mkdir()
    if not works(*OWN_MOUNTS, "mount -t tmpfs none out"):
        pytest.skip("only root may mount, and not everywhere")
    return lambda mount: (*OWN_MOUNTS, f'{mount} && "$@"; status=$?; cp -r out seen; exit $status', "sh")


@pytest.fixture
def plain_user():
    """Words that start a command to which permissions apply."""
    if os.geteuid() != 0:
        return ()
    if not works(*WITHOUT_ROOT, "true"):
        pytest.skip("permissions bind nobody who is root, and setpriv is missing")
    return WITHOUT_ROOT


@pytest.fixture
def clean(place, network):
    """Run ``clean --json`` to its end; gives the exit status, the record of each file by its name, and stderr."""

    def clean(*words, **options):
        with Run(network("rgb"), "--json", *words, **options) as run:
            status, output, errors = run.end()
        assert "Traceback" not in errors
        assert not [path for path in place.rglob("*.tmp") if not path.is_relative_to(place / "seen")]
        records = [json.loads(line) for line in output.splitlines()]
        return status, {Path(record["file"]).name: record for record in records if "file" in record}, errors

    return clean


def cleaned(records) -> set[str]:
    return {name for name, record in records.items() if record["status"] == "cleaned"}


def results(folder) -> list[Path]:
    return list(Path(folder).glob("[!.]*"))


class TestDiskFull:
    def test_files_that_may_not_be_that_large(self, clean, place):
        import resource

        write_pictures(place / "in", ["a.png", "b.png"])
        write_pictures(place / "in", ["large.png"], size=(200, 200))
        old = write_pictures(place / "out", ["b.png", "large.png"], seed=1)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

        status, records, errors = clean("in", "-o", "out", "--overwrite", preexec_fn=limit)
        assert status == 1
        assert cleaned(records) == {"a.png", "b.png"}
        assert "out/large.png: can't be written: the file is larger than the disk allows" in errors
        assert (content("out").keys(), content("out")["large.png"]) == ({"a.png", *old}, old["large.png"])

    def test_a_disk_without_room(self, clean, place, mounts):
        write_pictures(place / "in", ["a.png", "b.png"])
        write_pictures(place / "in", ["large.png"], size=(300, 200))
        status, records, errors = clean("in", "-o", "out", before=mounts("mount -t tmpfs -o size=100k none out"))
        assert status == 1
        assert cleaned(records) == content("seen").keys() == {"a.png", "b.png"}
        assert "out/large.png: can't be written: no space is left on the disk" in errors

    @pytest.mark.parametrize("words", ["clean in -o out --json", "clean -q in/a.png -o -", "models", "doctor --json"])
    def test_standard_output(self, place, network, words):
        write_pictures(place / "in", ["a.png"])
        first, *others = words.split()
        model = ["--model", str(network("rgb"))] if first == "clean" else []
        told = self.start(">/dev/full", first, *model, *others)
        assert told.returncode == 1
        assert told.stderr.startswith("error: ")
        line, *hints = told.stderr.splitlines()
        assert line.endswith("standard output: No space left on device")
        assert hints == (["hint: name a file with -o"] if words.endswith("-o -") else [])

    def test_standard_errors(self, place, network):
        write_pictures(place / "in", ["a.png"])
        told = self.start("2>/dev/full", "clean", "--model", str(network("rgb")), "in", "-o", "out", "--debug")
        assert (told.returncode, told.stdout) == (1, "")
        assert not list(place.rglob("*.tmp"))

    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
    def test_streams_that_are_closed(self, place, network, closed):
        write_pictures(place / "in", ["a.png", "b.png"])
        told = self.start(closed, "clean", "--model", str(network("rgb")), "in", "-o", "out", "--json")
        assert (told.returncode, "Traceback" in told.stderr) == (0, False)
        assert content("out").keys() == {"a.png", "b.png"}

    def start(self, streams, *words):
        return subprocess.run(
            ["sh", "-c", f'"$@" {streams}', "sh", sys.executable, "-m", "denoise_ae", *words],
            env={**os.environ, "PYTHONPATH": str(Path(denoise_ae.__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_the_report(self, clean, place):
        write_pictures(place / "in", ["a.png"])
        status, _, errors = clean("in", "-o", "out", "--report", "/dev/full", "--overwrite")
        assert status == 1
        assert "error: /dev/full: can't be written: no space is left on the disk" in errors


class TestProtected:
    def test_an_output_folder_on_a_read_only_disk(self, clean, place, mounts):
        write_pictures(place / "in", ["a.png"])
        old = write_pictures(place / "out", ["a.png"], seed=1)
        status, records, _ = clean(
            *("in", "-o", "out", "--overwrite"),
            before=mounts("mount --bind out out && mount -o remount,bind,ro out"),
        )
        assert (status, content("out")) == (1, old)
        assert records["a.png"]["error"] == "out: this folder can't be written to"

    def test_what_permissions_forbid_fails_by_name_and_the_rest_goes_on(self, clean, place, plain_user):
        write_pictures(place / "in", ["a.png", "secret.png", "closed.png", "protected.png"])
        write_pictures(place / "in/hidden", ["a.png"])
        old = write_pictures(place / "out", ["protected.png"], seed=1)
        Path("out/closed").mkdir()
        Path("in/closed").mkdir()
        Path("in/closed.png").rename("in/closed/closed.png")
        for path, mode in {"in/secret.png": 0, "in/hidden": 0, "out/closed": 0o500, "out/protected.png": 0o400}.items():
            Path(path).chmod(mode)
        status, records, errors = clean("in", "-o", "out", "--recursive", "--overwrite", before=plain_user)
        assert status == 1
        assert cleaned(records) == {"a.png"}
        assert "secret.png: Permission denied" in errors
        assert "hidden: the folder can't be read: Permission denied" in errors
        assert "out/closed: this folder can't be written to" in errors
        assert "out/protected.png: is write-protected" in errors
        assert content("out")["protected.png"] == old["protected.png"]
        Path("in/hidden").chmod(0o700)

    def test_in_place(self, clean, place, plain_user):
        sources = write_pictures(place / "in", ["a.png", "protected.png"]) | write_pictures(place / "closed", ["b.png"])
        Path("in/protected.png").chmod(0o400)
        Path("closed").chmod(0o500)
        status, records, errors = clean("in", "closed", "--in-place", before=plain_user)
        assert status == 1
        assert cleaned(records) == {"a.png"}
        assert "in/protected.png: is write-protected" in errors
        assert "closed: this folder can't be written to" in errors
        after = content("in") | content("closed")
        assert {name for name in sources if after[name] != sources[name]} == {"a.png"}


class TestFoldersThatChange:
    """Something happens to the output folder as soon as the first result is there."""

    @pytest.fixture
    def disturb(self, place, network):
        sources = write_pictures(place / "in", NAMES)

        def disturb(act, *words):
            with Run(network("rgb"), "--json", "in", "-o", "out", "--overwrite", *words) as run:
                assert wait_until(lambda: results("out"))
                act()
                status, output, errors = run.end()
            assert "Traceback" not in errors
            assert content("in") == sources
            assert not [path for path in Path().rglob("*.tmp") if path.parent.name != "before"]  # taken along
            settled = [json.loads(line)["status"] for line in output.splitlines()]
            return status, settled.count("cleaned"), settled.count("failed")

        return disturb

    def test_removed(self, disturb):
        status, whole, failed = disturb(lambda: shutil.rmtree("out", ignore_errors=True))
        assert (status, whole + failed) == (int(failed > 0), len(NAMES))
        assert failed <= 1, "it is made again"
        assert content("out")

    def test_replaced_by_a_file(self, disturb):
        def act():
            Path("out").rename("before")
            Path("out").write_text("precious")

        status, whole, failed = disturb(act)
        assert (status, whole + failed) == (1, len(NAMES))
        assert len(results("before")) == whole
        assert Path("out").read_text() == "precious"

    def test_replaced_by_a_link_to_the_inputs(self, disturb):
        def act():
            Path("out").rename("before")
            Path("out").symlink_to("in")

        status, whole, failed = disturb(act)  # and the inputs are as they were
        assert (status, whole + failed) == (1, len(NAMES))

    def test_replaced_by_a_link_to_another_folder(self, disturb):
        def act():
            Path("elsewhere").mkdir()
            Path("out").rename("before")
            Path("out").symlink_to("elsewhere")

        status, whole, failed = disturb(act)
        assert (status, whole + failed) == (int(failed > 0), len(NAMES))
        assert len(results("before")) + len(results("elsewhere")) == whole


class TestInputs:
    def test_those_that_change_before_they_are_read_fail_by_name(self, place, network):
        write_pictures(place / "in", NAMES)
        with Run(network("rgb"), "--json", "in", "-o", "out") as run:
            assert wait_until(lambda: results("out"))
            gone, short, pipe, folder, device, endless = (Path("in", name) for name in NAMES[-6:])
            short.write_bytes(short.read_bytes()[:1000])
            for path in (gone, pipe, folder, device, endless):
                path.unlink()
            os.mkfifo(pipe)
            folder.mkdir()
            device.symlink_to("/dev/null")
            endless.symlink_to("/dev/zero")
            status, output, errors = run.end()
        assert status == 1
        assert content("out").keys() == set(NAMES[:-6])
        assert "Traceback" not in errors
        failed = [json.loads(line)["error"] for line in output.splitlines() if '"failed"' in line and "file" in line]
        reasons = ["No such file", "", "not an ordinary file", "s a directory", *["not an ordinary file"] * 2]
        for message, name, reason in zip(sorted(failed), NAMES[-6:], reasons, strict=True):
            assert message.startswith(f"in/{name}: ")
            assert reason in message

    def test_pipes_devices_and_loops_do_not_hang_it(self, clean, place):
        write_pictures(place / "in/sub", ["a.png"])
        os.mkfifo("in/pipe.png")
        Path("in/loop").symlink_to(".")
        Path("in/sub/above").symlink_to("..")
        Path("in/self.png").symlink_to("self.png")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("in/socket.png")
        status, records, errors = clean("in", "in/pipe.png", "/dev/zero", "in/socket.png", "-o", "out", "--recursive")
        assert status == 1
        assert cleaned(records) == {"a.png"}
        for name in ("in/pipe.png", "/dev/zero", "in/socket.png"):
            assert f"{name}: is not an ordinary file" in errors
        assert "in/self.png: " in errors
        assert [path.name for path in Path("out").rglob("*.*")] == ["a.png"]


class TestNames:
    def test_any_name_that_linux_knows(self, clean, place):
        names = [
            b"\xff\xfe.png",
            b"n" * 251 + b".png",
            "漢".encode() * 83 + b".png",
            b"new\nline.png",
            b"A.png",
            b"a.png",
        ]
        write_pictures(place / "in", map(os.fsdecode, names))
        status, records, _ = clean("in", *(b"in/" + name for name in names), "-o", "out", "--report", "report.jsonl")
        assert status == 0
        assert len(records) == len(names)
        assert sorted(os.fsencode(name) for name in content("out")) == sorted(names)
        assert len(Path("report.jsonl").read_text().splitlines()) == len(names)

    def test_links_and_times(self, clean, place):
        write_pictures(place / "in", ["hard.png", "far.png", "early.png", "late.png"])
        os.utime("in/early.png", (-(10**9), -(10**9)))
        os.utime("in/late.png", (10**10, 10**10))
        precious = write_pictures(place / "precious", ["hard.png"], seed=1)
        Path("out").mkdir()
        Path("out/hard.png").hardlink_to("precious/hard.png")
        far = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else place
        far /= f"denoise-ae-{os.getpid()}.png"
        try:
            far.write_bytes(b"old")
            Path("out/far.png").symlink_to(far)
            status, records, errors = clean("in", "-o", "out", "--overwrite", "--keep-time")
            assert status == 0, errors
            assert content("precious") == precious
            assert Path("out/far.png").is_symlink()
            assert far.read_bytes().startswith(b"\x89PNG")
        finally:
            far.unlink()
        assert [Path(f"out/{name}.png").stat().st_mtime for name in ("early", "late")] == [-(10**9), 10**10]
        status, records, _ = clean("in", "-o", "out", "--skip-existing")
        assert (status, cleaned(records)) == (0, {"far.png"})
