"""What becomes what: names, trees, collisions, links. No pixels are read."""

import os
import sys
from pathlib import Path

import pytest

from denoise_ae.batch.jobs import Existing, Failed, Skipped
from denoise_ae.batch.planning import Plan, plan
from denoise_ae.errors import UsageError

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="making links needs rights there")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"picture " + name.encode())


def outputs(work: Plan) -> dict[str, str]:
    return {job.source.as_posix(): job.output.as_posix() for job in work.jobs}


def failures(work: Plan) -> list[str]:
    return [event.error.message for event in work.rejected if isinstance(event, Failed)]


class TestWhatTheOutputMeans:
    def test_one_picture_into_a_file(self):
        touch("noisy.png")
        assert outputs(plan(["noisy.png"], "clean.png")) == {"noisy.png": "clean.png"}

    def test_one_picture_into_a_folder_that_exists(self):
        touch("noisy.png")
        Path("out").mkdir()
        assert outputs(plan(["noisy.png"], "out")) == {"noisy.png": "out/noisy.png"}

    def test_a_separator_at_the_end_means_a_folder_that_will_be_made(self):
        touch("noisy.png")
        assert outputs(plan(["noisy.png"], "new/")) == {"noisy.png": "new/noisy.png"}

    def test_several_pictures_need_a_folder(self):
        touch("a.png", "b.png")
        assert outputs(plan(["a.png", "b.png"], "out")) == {"a.png": "out/a.png", "b.png": "out/b.png"}

    def test_several_pictures_do_not_go_into_one_file(self):
        touch("a.png", "b.png", "old")
        with pytest.raises(UsageError, match="several results can't go into one file"):
            plan(["a.png", "b.png"], "out.png")
        with pytest.raises(UsageError, match="is a file"):
            plan(["a.png", "b.png"], "old")

    def test_without_an_output_results_lie_beside_their_pictures(self):
        touch("in/photo.png", "in/b.tar.jpg")
        assert outputs(plan(["in/photo.png", "in/b.tar.jpg"])) == {
            "in/photo.png": "in/photo-clean.png",
            "in/b.tar.jpg": "in/b.tar-clean.jpg",
        }

    def test_a_suffix_of_ones_own_also_in_a_folder(self):
        touch("a.png")
        assert outputs(plan(["a.png"], suffix="_dn")) == {"a.png": "a_dn.png"}
        assert outputs(plan(["a.png"], "out/", suffix="_dn")) == {"a.png": "out/a_dn.png"}

    def test_a_suffix_that_could_not_be_used_is_an_error(self):
        touch("a.png")
        with pytest.raises(UsageError, match="--suffix"):
            plan(["a.png"], "b.png", suffix="-x")
        with pytest.raises(UsageError, match="change the folder"):
            plan(["a.png"], suffix="/../../x")


class TestFormat:
    def test_the_output_name_says_the_format(self):
        touch("a.png")
        assert plan(["a.png"], "b.jpg").jobs[0].file_format == "jpeg"

    def test_nothing_said_keeps_the_format_of_the_content(self):
        touch("a.png")
        assert plan(["a.png"], "out/").jobs[0].file_format is None
        assert plan(["a.png"], "no_ending").jobs[0].file_format is None

    def test_a_format_changes_the_ending(self):
        touch("a.png", "b.JPG", "c.jpeg")
        assert outputs(plan(["a.png", "b.JPG", "c.jpeg"], "out", file_format="jpg")) == {
            "a.png": "out/a.jpg",
            "b.JPG": "out/b.JPG",
            "c.jpeg": "out/c.jpeg",
        }

    def test_unknown_or_contradicting_formats_are_wrong_usage(self):
        touch("a.png")
        for output, file_format in ((None, "docx"), ("b.png", "jpg"), ("b.xyz", None)):
            with pytest.raises(UsageError):
                plan(["a.png"], output, file_format=file_format)


class TestFolders:
    def test_the_top_level_only_unless_recursive(self):
        touch("in/a.png", "in/sub/b.png", "in/sub/deep/c.jpg")
        assert outputs(plan(["in"], "out")) == {"in/a.png": "out/a.png"}
        assert outputs(plan(["in"], "out", recursive=True)) == {
            "in/a.png": "out/a.png",
            "in/sub/b.png": "out/sub/b.png",
            "in/sub/deep/c.jpg": "out/sub/deep/c.jpg",
        }

    def test_natural_order(self):
        touch("in/10.png", "in/9.png", "in/a.png", "in/B.png")
        assert [job.source.name for job in plan(["in"], "out").jobs] == ["9.png", "10.png", "a.png", "B.png"]

    def test_hidden_and_junk_files_and_other_files_are_passed_over(self):
        touch("in/a.png", "in/.hidden.png", "in/._a.png", "in/notes.txt", "in/Thumbs.db", "in/.git/x.png")
        touch("in/__MACOSX/a.png", "in/@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", "in/README")
        work = plan(["in"], "out", recursive=True)
        assert outputs(work) == {"in/a.png": "out/a.png"}
        assert not work.rejected

    def test_a_file_named_outright_is_a_job_whatever_its_name(self):
        touch("notes.txt", ".hidden.png")
        assert len(plan(["notes.txt", ".hidden.png"], "out").jobs) == 2

    def test_the_output_folder_is_never_read(self):
        touch("in/a.png", "in/out/a.png", "in/out/sub/z.png")
        assert outputs(plan(["in"], "in/out", recursive=True, existing=Existing.REPLACE)) == {
            "in/a.png": "in/out/a.png"
        }

    def test_earlier_results_beside_their_pictures_are_no_input(self):
        touch("in/a.png", "in/a-clean.png", "in/a-clean.webp", "in/dish-clean.png")
        work = plan(["in"], existing=Existing.REPLACE)
        assert outputs(work) == {"in/a.png": "in/a-clean.png", "in/dish-clean.png": "in/dish-clean-clean.png"}
        assert {event.job.source.name for event in work.rejected} == {"a-clean.png", "a-clean.webp"}
        assert all(isinstance(event, Skipped) for event in work.rejected)

    def test_the_input_folder_as_output_needs_a_suffix(self):
        touch("in/a.png")
        with pytest.raises(UsageError, match="output folder is an input folder"):
            plan(["in"], "in/../in")
        assert outputs(plan(["in"], "in", suffix="-x")) == {"in/a.png": "in/a-x.png"}

    def test_a_tree_deeper_than_the_stack_of_python(self):
        levels = [Path("in", *["d"] * depth) for depth in range(1200)]
        for level in levels:
            level.mkdir()
        try:
            (levels[-1] / "a.png").touch()
            assert len(plan(["in"], "out", recursive=True).jobs) == 1
        finally:  # here, because what removes the folders of tests has a stack too
            (levels[-1] / "a.png").unlink()
            for level in reversed(levels):
                level.rmdir()

    def test_a_folder_without_pictures_fails_by_name(self):
        touch("in/sub/a.png", "b.png")
        work = plan(["in", "b.png"], "out")
        assert failures(work) == ["in: no pictures in this folder"]
        assert "--recursive" in work.rejected[0].error.hint
        assert outputs(work) == {"b.png": "out/b.png"}

    @needs_links
    def test_loops_of_links_end(self):
        touch("in/a.png", "in/sub/b.png")
        Path("in/sub/up").symlink_to("..")
        Path("in/other").symlink_to("sub")
        assert len(plan(["in"], "out", recursive=True).jobs) == 2

    @needs_links
    def test_a_pipe_in_a_folder_does_not_block(self):
        touch("in/a.png")
        os.mkfifo("in/pipe.png")
        assert outputs(plan(["in"], "out")) == {"in/a.png": "out/a.png"}


class TestRefusals:
    def test_two_pictures_that_would_become_one_are_both_refused_and_the_rest_goes_on(self):
        touch("a.png", "a.jpg", "b.png")
        work = plan(["a.png", "a.jpg", "b.png"], "out", file_format="webp")
        assert outputs(work) == {"b.png": "out/b.webp"}
        assert len(failures(work)) == 2
        assert "out/a.webp would come from a.jpg too" in failures(work)[0].replace("\\", "/")

    def test_another_spelling_of_one_output_is_a_collision(self):
        touch("x/a.png", "y/a.png")
        Path("out").mkdir()
        assert len(failures(plan(["x", "y"], "x/../out"))) == 2

    def test_a_picture_named_twice_is_cleaned_once(self):
        touch("in/a.png")
        assert len(plan(["in/a.png", "in", "in/a.png"], "out").jobs) == 1

    def test_the_input_is_no_output_in_any_spelling(self):
        touch("d/a.png")
        spellings = ["d/a.png", "./d/../d/a.png"]
        if sys.platform != "win32":
            Path("link.png").symlink_to("d/a.png")
            Path("hard.png").hardlink_to("d/a.png")
            spellings += ["link.png", "hard.png"]
        for spelling in spellings:
            work = plan(["d/a.png"], spelling, existing=Existing.REPLACE)
            assert not work.jobs
            assert "the input itself" in failures(work)[0]

    def test_another_input_is_no_output(self):
        touch("a.png", "b.png")
        work = plan(["a.png", "b.png"], suffix="", existing=Existing.REPLACE)
        assert not work.jobs
        touch("in/x.png", "in/in/x.png")
        work = plan(["in/in", "in/x.png"], "in", existing=Existing.REPLACE)
        assert not work.jobs

    def test_what_exists_stays(self):
        touch("a.png", "b.png", "out/a.png")
        work = plan(["a.png", "b.png"], "out")
        assert outputs(work) == {"b.png": "out/b.png"}
        assert "exists already" in failures(work)[0]
        assert "--overwrite" in work.rejected[0].error.hint
        assert len(plan(["a.png", "b.png"], "out", existing=Existing.REPLACE).jobs) == 2

    @needs_links
    def test_a_link_to_nothing_exists_too(self):
        touch("a.png")
        Path("out.png").symlink_to("nothing")
        assert "exists already" in failures(plan(["a.png"], "out.png"))[0]

    def test_what_is_no_file_is_not_replaced(self):
        touch("a.png")
        Path("out/a.png").mkdir(parents=True)
        assert "not an ordinary file" in failures(plan(["a.png"], "out/", existing=Existing.REPLACE))[0]
        if sys.platform != "win32":
            assert "not an ordinary file" in failures(plan(["a.png"], os.devnull, existing=Existing.REPLACE))[0]

    def test_a_file_where_the_output_folder_should_be(self):
        touch("a.png", "taken")
        assert "taken: is not a folder" in failures(plan(["a.png"], "taken/sub/"))[0]

    @needs_links
    def test_missing_inputs_fail_by_name(self):
        Path("broken.png").symlink_to("nothing")
        touch("a.png")
        work = plan(["gone.png", "broken.png", "a.png", "x" * 5000], "out")
        assert outputs(work) == {"a.png": "out/a.png"}
        gone, broken, too_long = failures(work)
        assert gone == "gone.png: no such file or folder"
        assert broken == "broken.png: is a link to nothing"
        assert too_long.startswith("xxx")


class TestInPlace:
    def test_each_picture_becomes_itself(self):
        names = ("in/a.png", "in/sub/b.jpg", "c.png", "d.heic", "no_ending")
        touch(*names)
        work = plan(["in", *names[2:]], existing=Existing.IN_PLACE, recursive=True)
        assert outputs(work) == {name: name for name in names}
        assert not work.rejected

    @pytest.mark.parametrize("options", [{"output": "out"}, {"suffix": "-x"}, {"file_format": "png"}, {"words": ["-"]}])
    def test_it_leaves_no_other_name_to_choose(self, options):
        touch("a.png")
        words = options.pop("words", ["a.png"])
        with pytest.raises(UsageError, match="--in-place"):
            plan(words, existing=Existing.IN_PLACE, **options)

    @needs_links
    def test_a_file_with_two_names_is_cleaned_once_but_hard_links_are_two_files(self):
        touch("in/a.png")
        Path("in/b.png").symlink_to("a.png")
        Path("in/c.png").hardlink_to("in/a.png")
        work = plan(["in", "in/../in/a.png"], existing=Existing.IN_PLACE)
        assert list(outputs(work)) == ["in/a.png", "in/c.png"]
        assert [type(event) for event in work.rejected] == [Skipped, Skipped]

    @needs_links
    def test_what_is_no_file_or_is_protected_is_refused(self, monkeypatch):
        touch("a.png")
        os.mkfifo("pipe.png")
        (failure,) = failures(plan(["pipe.png"], existing=Existing.IN_PLACE))
        assert "not an ordinary file" in failure
        may = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "a.png" and may(path, mode))
        (failure,) = failures(plan(["a.png"], existing=Existing.IN_PLACE))
        assert "write-protected" in failure


class TestPathFilter:
    TREE = ("in/a.png", "in/B.JPG", "in/raw/c.png", "in/raw/old/d.png", "in/x/raw/e.jpg", "in/raw.png")

    @pytest.mark.parametrize(
        ("include", "exclude", "chosen"),
        [
            (["*.jpg"], [], "B.JPG x/raw/e.jpg"),
            (["*.JPG", "a.*"], [], "a.png B.JPG x/raw/e.jpg"),
            (["raw"], [], "raw/c.png raw/old/d.png x/raw/e.jpg"),
            (["/raw"], [], "raw/c.png raw/old/d.png"),
            (["raw/*.png"], [], "raw/c.png"),
            (["raw/**/*.png"], [], "raw/c.png raw/old/d.png"),
            (["./raw/**"], [], "raw/c.png raw/old/d.png"),
            (["**/raw/"], [], "raw/c.png raw/old/d.png x/raw/e.jpg"),
            (["?.png"], [], "a.png raw/c.png raw/old/d.png"),
            (["[a-c].*"], [], "a.png B.JPG raw/c.png"),
            (["[!a-c].*"], [], "raw/old/d.png x/raw/e.jpg"),
            (["a[.]png", "a?pn[]g]"], [], "a.png"),
            ([], ["raw"], "a.png B.JPG raw.png"),
            ([], ["x/r*", "old"], "a.png B.JPG raw.png raw/c.png"),
            (["*.png"], ["raw*"], "a.png"),
            (["a.png"], ["*"], ""),
        ],
    )
    def test_patterns(self, include, exclude, chosen):
        touch(*self.TREE)
        work = plan(["in"], "out", recursive=True, include=include, exclude=exclude)
        assert sorted(outputs(work)) == sorted(f"in/{name}" for name in chosen.split())

    def test_the_path_counts_from_the_folder_that_is_named(self):
        touch(*self.TREE)
        assert list(outputs(plan(["in/raw"], "out", recursive=True, include=["old/*"]))) == ["in/raw/old/d.png"]

    def test_folders_left_out_are_not_even_read(self, monkeypatch):
        touch(*self.TREE)
        read = []
        real = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda self: read.append(self.name) or real(self))
        plan(["in"], "out", recursive=True, exclude=["raw"])
        assert read == ["in", "x"]

    def test_a_file_named_outright_is_skipped_by_name(self):
        touch("a.png", "b.png")
        work = plan(["a.png", "b.png"], "out", exclude=["a*"])
        assert outputs(work) == {"b.png": "out/b.png"}
        assert [(event.job.name, "--exclude" in event.reason) for event in work.rejected] == [("a.png", True)]
        single = plan(["a.png"], "b2.png", include=["*.jpg"])
        assert not single.jobs
        assert isinstance(single.rejected[0], Skipped)

    def test_a_folder_of_which_nothing_is_left_says_why(self):
        touch("in/a.png")
        (failure,) = failures(plan(["in"], "out", exclude=["*.png"]))
        assert "--exclude" in failure

    @pytest.mark.parametrize("pattern", ["", "/", "[z-a].png"])
    def test_what_is_no_pattern_is_wrong_usage(self, pattern):
        touch("a.png")
        for option in ("include", "exclude"):
            with pytest.raises(UsageError, match=f"--{option}"):
                plan(["a.png"], "out/", **{option: [pattern]})


class TestStreams:
    def test_standard_input_and_output(self):
        touch("a.png")
        for inputs, output, expected in (
            (["-"], None, (None, None)),
            (["-"], "-", (None, None)),
            (["-"], "b.png", (None, Path("b.png"))),
            (["a.png"], "-", (Path("a.png"), None)),
        ):
            job = plan(inputs, output).jobs[0]
            assert (job.source, job.output) == expected

    def test_a_file_called_dash_can_be_named(self):
        touch("-")
        assert plan(["./-"], "b.png").jobs[0].source == Path("-")

    @pytest.mark.parametrize(
        ("inputs", "output"), [(["-", "a.png"], None), (["a.png", "b.png"], "-"), (["-"], "in/"), (["in"], "-")]
    )
    def test_a_stream_is_one_picture(self, inputs, output):
        touch("a.png", "b.png", "in/c.png")
        with pytest.raises(UsageError):
            plan(inputs, output)
