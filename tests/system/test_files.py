"""Files appear whole or not at all, whatever happens in between."""

import ast
import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from denoise_ae.errors import ImageError, OutputError
from denoise_ae.system.files import LineFile, check_target, read_whole, sweep_temporaries, write_atomic

OLD, NEW = b"old" * 1000, b"new" * 2000
NAMES = ["plain.png", "été 漢字 🦊.png", "-o.png", "n" * 251 + ".png", "漢" * 83 + ".png", " .png"]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(OLD)
    assert read_whole(path) == (OLD, path.stat())
    status_of = os.fstat

    def change_after(descriptor):
        status = status_of(descriptor)
        with path.open("ab") as file:
            file.write(NEW)
        return status

    monkeypatch.setattr(os, "fstat", change_after)
    with pytest.raises(ImageError, match=r"a\.png: was changed while it was read"):
        read_whole(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(ImageError, match="is not an ordinary file"):
            read_whole(path)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("overwrite", [False, True])
def test_any_name_can_be_written(tmp_path, name, overwrite):
    write_atomic(tmp_path / name, NEW, overwrite)
    assert (tmp_path / name).read_bytes() == NEW
    assert names_in(tmp_path) == [name]


def test_paths_of_three_hundred_characters(tmp_path):
    folder = tmp_path / ("a" * 200) / ("b" * 200)
    folder.mkdir(parents=True)
    write_atomic(folder / "picture.png", NEW)
    assert names_in(folder) == ["picture.png"]


def test_an_older_file_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(OLD)
    with pytest.raises(OutputError, match=r"a\.png: exists already") as error:
        write_atomic(path, NEW)
    assert "--overwrite" in error.value.hint
    assert path.read_bytes() == OLD
    write_atomic(path, NEW, overwrite=True)
    assert path.read_bytes() == NEW
    assert names_in(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    "place", ["a.png", "b.png", "folder", "missing/a.png", "a.png/b.png", "x" * 300, "dangling.png"]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_check_beforehand_says_what_writing_would(tmp_path, place, overwrite):
    (tmp_path / "a.png").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere" / "a.png")
    before = names_in(tmp_path)
    said = []
    for act in (lambda path: check_target(path, overwrite), lambda path: write_atomic(path, NEW, overwrite)):
        try:
            act(tmp_path / place)
            said.append(None)
        except OutputError as error:
            said.append((error.message, error.hint))
        assert said[1:] or names_in(tmp_path) == before
    assert said[0] == said[1]


def test_a_check_beforehand_sees_a_folder_that_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    with pytest.raises(OutputError, match=r"a\.png: can't be written: the folder can't be written"):
        check_target(tmp_path / "a.png")


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    monkeypatch.setattr(os, "fsync", lambda _descriptor: path.write_bytes(OLD))
    with pytest.raises(OutputError, match="exists already"):
        write_atomic(path, NEW)
    assert path.read_bytes() == OLD
    assert names_in(tmp_path) == ["a.png"]


def test_file_systems_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_atomic(tmp_path / "a.png", NEW)
    assert (tmp_path / "a.png").read_bytes() == NEW
    monkeypatch.setattr(os, "fsync", lambda _descriptor: (tmp_path / "b.png").write_bytes(OLD))
    with pytest.raises(OutputError, match="exists already"):
        write_atomic(tmp_path / "b.png", NEW)
    assert (tmp_path / "b.png").read_bytes() == OLD
    assert names_in(tmp_path) == ["a.png", "b.png"]


def test_permissions_pass_on_to_the_new_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(OLD)
    for mode in (0o600, 0o664):
        path.chmod(mode)
        write_atomic(path, NEW, overwrite=True)
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_atomic(tmp_path / "a.png", NEW)
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "real.png").write_bytes(OLD)
    link = tmp_path / "link.png"
    link.symlink_to(elsewhere / "real.png")
    with pytest.raises(OutputError, match="exists already"):
        write_atomic(link, NEW)
    write_atomic(link, NEW, overwrite=True)
    assert link.is_symlink()
    assert (elsewhere / "real.png").read_bytes() == NEW
    assert names_in(elsewhere) == ["real.png"]


def test_a_link_that_leads_nowhere_leads_to_the_new_file(tmp_path):
    (tmp_path / "dangling.png").symlink_to(tmp_path / "missing.png")
    write_atomic(tmp_path / "dangling.png", NEW)
    assert (tmp_path / "missing.png").read_bytes() == NEW
    assert names_in(tmp_path) == ["dangling.png", "missing.png"]


@pytest.mark.parametrize(
    ("code", "phrase"),
    [
        (errno.ENOSPC, "no space is left"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "folder can't be written"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_a_failure_in_mid_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, code, phrase):
    def fail(_descriptor):
        raise OSError(code, os.strerror(code))

    path = tmp_path / "été.png"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=phrase) as error:
        write_atomic(path, NEW, overwrite=True)
    assert str(path) in error.value.message
    assert error.value.hint
    assert path.read_bytes() == OLD
    assert names_in(tmp_path) == ["été.png"]


def test_ctrl_c_in_mid_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def interrupt(_descriptor):
        raise KeyboardInterrupt

    path = tmp_path / "a.png"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, NEW, overwrite=True)
    assert path.read_bytes() == OLD
    assert names_in(tmp_path) == ["a.png"]


def test_a_disk_that_takes_no_more_bytes(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "a.png"
    path.write_bytes(OLD)
    code = (
        "import sys, resource\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))\n"
        "from denoise_ae.system.files import write_atomic\n"
        "write_atomic(sys.argv[1], bytes(1_000_000), overwrite=True)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "OutputError" in run.stderr
    assert "larger than the disk allows" in run.stderr
    assert path.read_bytes() == OLD
    assert names_in(tmp_path) == ["a.png"]


def test_a_modification_time_is_given(tmp_path):
    path = tmp_path / "a.png"
    for overwrite in (False, True):
        moment = 1_000_000_000_123_456_700 + overwrite
        write_atomic(path, NEW, overwrite, modified=moment)
        assert abs(path.stat().st_mtime_ns - moment) < 1000


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner_and_permissions(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(OLD)
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    write_atomic(path, NEW, overwrite=True)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 54321, 0o640)


@pytest.mark.parametrize(("before", "after"), [("", ""), ("one\n", "one\n"), ("one\nha", "one\nha\n")])
def test_a_file_that_goes_on_begins_a_new_line(tmp_path, before, after):
    path = tmp_path / "lines"
    path.write_text(before)
    with LineFile(path, append=True) as lines:
        lines.write("next")
    assert path.read_text() == f"{after}next\n"


def test_lines_are_in_the_file_as_soon_as_they_are_written(tmp_path):
    path = tmp_path / "new" / "lines.txt"
    with LineFile(path) as lines:
        assert path.read_bytes() == b""
        lines.write("first")
        assert path.read_bytes() == b"first\n"
        lines.write("é漢")
    assert path.read_text(encoding="utf-8") == "first\né漢\n"


def test_lines_replace_an_older_file_only_when_asked(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(OLD)
    with pytest.raises(OutputError, match="exists already"):
        LineFile(path)
    assert path.read_bytes() == OLD
    with LineFile(path, overwrite=True) as lines:
        lines.write("new")
    assert path.read_bytes() == b"new\n"
    with pytest.raises(OutputError, match="is a file, not a folder"):
        LineFile(path / "below.txt")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        LineFile(path / "further" / "below.txt")


def test_a_full_disk_leaves_whole_lines(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "lines.txt"
    code = (
        "import sys, resource\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "from denoise_ae.system.files import LineFile\n"
        "lines = LineFile(sys.argv[1])\n"
        "while True: lines.write('x' * 98)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "OutputError" in run.stderr
    assert "lines.txt: can't be written" in run.stderr
    assert path.read_text() == ("x" * 98 + "\n") * 10


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("missing/a.png", "does not exist"),
        ("file/a.png", "is a file, not a folder"),
        ("folder", "folder of this name"),
        ("x" * 300 + ".png", "too long"),
        ("zero\0byte.png", "null"),
    ],
)
def test_places_that_cannot_be_written_say_why(tmp_path, name, phrase):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=phrase) as error:
            write_atomic(tmp_path / name, NEW, overwrite)
        assert "\n" not in error.value.message + error.value.hint
    assert names_in(tmp_path) == ["file", "folder"]


WRITE_SLOWLY = """
import os, sys, time
from denoise_ae.system import files

def wait(descriptor):
    print("half-way", flush=True)
    time.sleep(60)

os.fsync = wait
files.write_atomic(sys.argv[1], b"new" * 2000, overwrite=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_killed_run_leaves_the_old_file_whole_and_its_remains_are_swept(tmp_path):
    path = tmp_path / ("漢字" + "n" * 240 + ".png")
    path.write_bytes(OLD)
    with subprocess.Popen([sys.executable, "-c", WRITE_SLOWLY, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "half-way\n"
        temporary = next(other for other in tmp_path.iterdir() if other != path)
        assert temporary.name.startswith(".漢字nnn")
        assert sweep_temporaries(tmp_path) == []  # its writer is alive
        process.send_signal(signal.SIGKILL)
        if sys.platform == "linux":  # tells a process that has ended from one that nobody has asked how
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            assert sweep_temporaries(tmp_path) == [temporary]
            temporary.touch()
    assert path.read_bytes() == OLD
    assert sweep_temporaries(tmp_path) == [temporary]
    assert names_in(tmp_path) == [path.name]


KILL_AT_EVERY_STEP = """
import io, os, signal, sys
from pathlib import Path
from denoise_ae.system import files

path, old, new = Path(sys.argv[1]), b"old" * 1000, b"new" * 2000
options = {"overwrite": sys.argv[2] == "over", "modified": 10**18}
seen, step, status = set(), 0, None
while status != 0:
    step += 1
    if options["overwrite"]:
        path.write_bytes(old)
    else:
        path.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        calls = 0
        def count(_frame, event, function):
            global calls
            if event in ("c_call", "c_return"):
                whose = getattr(function, "__self__", None)
                calls += whose in (sys.modules["posix"], sys.modules["_io"]) or isinstance(whose, io.IOBase)
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(count)
        files.write_atomic(path, new, **options)
        sys.setprofile(None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    content = path.read_bytes() if path.exists() else b"none"
    assert content in (old, new, b"none"), content
    seen.add((content[:3], len(list(path.parent.iterdir())) - path.exists()))
    files.sweep_temporaries(path.parent)
    assert [*path.parent.iterdir()] == [path] * path.exists()
print(step, sorted(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are copied as POSIX does it")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_before_or_after_any_call_to_the_system_leaves_the_old_file_or_the_new_one(tmp_path, overwrite):
    words = [sys.executable, "-c", KILL_AT_EVERY_STEP, tmp_path / "a.png", "over" if overwrite else "new"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    steps, seen = run.stdout.split(" ", 1)
    assert int(steps) > 20
    before = "old" if overwrite else "non"
    assert {(before.encode(), 0), (before.encode(), 1), (b"new", 0)} <= set(ast.literal_eval(seen))


def test_sweeping_takes_only_what_is_ours_and_given_up(tmp_path, monkeypatch):
    names = [
        ".a.png.denoise-ae-00000000-4000000-0123abcd.tmp",  # of another machine
        ".new\nline.png.denoise-ae-00000000-4000000-0123abcd.tmp",
        ".c.png.denoise-ae-notes.tmp",  # somebody's own
        "d.png",
        ".e.png.tmp",
    ]
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))  # as --keep-time may: it says nothing of when it was written
    assert sweep_temporaries(tmp_path) == []  # the other machine may still be writing
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 24 * 60 * 60)
    assert sorted(path.name for path in sweep_temporaries(tmp_path)) == names[:2]
    assert names_in(tmp_path) == sorted(names[2:])
    assert sweep_temporaries(tmp_path / "missing") == []
