"""What `clean` promises, row by row, each beside the tests that hold it to that; those that no other file has are here.

A test is named by its file, its class if it has one, and itself: `batch/pipeline: test_x`, `cli/clean: TestOne.test_x`.
`here` is this file.
"""

import ast
import io
import itertools
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from encoders import GRAY, RGB, by_opencv, by_pillow, by_tifffile, pillow
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from tiny import pattern

from denoise_ae.imagefiles.formats import FORMATS
from denoise_ae.imagefiles.headers import inspect
from denoise_ae.imagefiles.images import encode
from denoise_ae.imagefiles.metadata import Metadata

TESTS = Path(__file__).parent

PIXELS = {
    "Format, size, channels and bit depth in = out: 8 and 16 bits, 32-bit float TIFF": (
        "imagefiles/encoders: test_pixels_come_back_in_format_size_channels_and_depth",
        "here: test_sizes_are_kept",
    ),
    "... unless the suffix of -o or --format asks otherwise": (
        "cli/clean: TestOnePicture.test_format_quality_suffix_and_metadata",
        "batch/planning: TestFormat.test_the_output_name_says_the_format",
        "imagefiles/images: test_sixteen_bits_are_rounded_to_eight",
        "imagefiles/images: test_floating_point_stays_in_tiff_and_is_clipped_elsewhere",
    ),
    "Content decides how a file is read, not its name": (
        "imagefiles/headers: test_the_content_decides_whatever_the_name_says",
        "batch/pipeline: test_content_decides_the_format_and_a_wrong_name_is_told",
    ),
    "Alpha is kept bit for bit, and pixels under alpha 0 leak no halo": (
        "restoration/denoiser: test_alpha_comes_back_bit_for_bit",
        "restoration/denoiser: test_nothing_leaks_from_under_alpha_0",
        "imagefiles/images: test_lossy_formats_keep_alpha_bit_for_bit",
        "imagefiles/optional: test_alpha_of_a_heic_is_kept_bit_for_bit",
    ),
    "Gray stays gray; palette and 1-bit pictures become the gray or RGB that they show": (
        "imagefiles/encoders: test_pixels_come_back_in_format_size_channels_and_depth",
        "imagefiles/images: test_gray_stays_gray",
        "imagefiles/images: test_a_palette_becomes_what_it_shows",
        "imagefiles/images: test_bilevel_becomes_black_and_white",
    ),
    "--strength 0 gives back the pixels exactly; strength scales smoothly from there": (
        "imagefiles/encoders: test_pixels_come_back_in_format_size_channels_and_depth",
        "restoration/denoiser: test_strength_0_gives_back_the_picture_and_runs_nothing",
        "shipped_models: test_strength_scales_smoothly",
    ),
    "Mean brightness and colour do not drift: constant pictures move by at most 1 of 255": (
        "shipped_models: test_photo_does_not_move_constant_pictures",
        "shipped_models: test_photo_does_not_drift_in_brightness_or_colour",
        "restoration/denoiser: test_a_constant_picture_stays",
    ),
    "A clean picture stays nearly as it is (42 dB), and the tool says that it found little noise": (
        "shipped_models: test_photo_leaves_a_clean_picture_nearly_as_it_is",
        "cli/clean: TestOnePicture.test_a_clean_picture_is_said_to_have_little_noise",
    ),
    "Tiled equals whole within 1 of 255, for every tile size": (
        "restoration/denoiser: test_tiled_equals_whole_for_every_tile_size",
        "restoration/denoiser: test_tiled_equals_whole_with_holes",
        "shipped_models: test_photo_tiled_equals_whole",
    ),
    "No input is silently treated wrongly: wide floats, NaN, CMYK, animations and pages work or are refused by name": (
        "here: test_floats_of_every_sort",
        "here: test_cmyk_is_refused_by_name",
        "here: test_all_frames_and_pages_are_cleaned_or_none",
        "imagefiles/headers: test_a_pnm_with_several_pictures_is_refused",
        "imagefiles/metadata: test_further_pictures_behind_a_jpeg_are_told_unless_they_are_thumbnails",
    ),
}

FILES = {
    "EXIF, XMP, ICC, resolution and texts are kept where the format can hold them": (
        "here: test_the_readme_says_what_each_format_keeps",
        "imagefiles/metadata: test_exif_goes_from_any_format_to_any_other",
        "imagefiles/metadata: test_colour_profiles_of_any_length_are_kept",
        "imagefiles/metadata: test_xmp_is_kept",
        "imagefiles/metadata: test_resolution_is_kept",
        "imagefiles/metadata: test_texts_and_colours_of_a_png_stay_in_png",
        "imagefiles/metadata: test_comments_iptc_and_a_long_xmp_packet_stay_in_jpeg",
        "imagefiles/jp2: test_all_that_is_said_stays",
        "imagefiles/optional: test_a_heic_stays_one_with_what_it_says",
        "imagefiles/tiff: test_a_bigtiff_stays_one_with_all_that_it_says",
    ),
    "--metadata keep|strip": (
        "cli/clean_options: TestMetadata.test_it_is_kept_or_stripped_and_the_picture_stays_upright",
    ),
    "The picture keeps the way up that its EXIF orientation gives, for all eight": (
        "here: test_corners_are_where_a_viewer_shows_them",
        "here: test_corners_stay_when_the_format_changes",
    ),
    "Metadata that can't be read gives a warning, not a failure": (
        "imagefiles/headers: test_broken_exif_is_a_warning",
        "imagefiles/png: test_broken_metadata_is_a_warning",
        "here: test_a_profile_and_broken_exif",
    ),
    "JPEG is written at a stated quality, by default near the source's own": (
        "imagefiles/images: test_a_jpeg_is_written_as_its_source_was",
        "imagefiles/images: test_quality_can_be_said",
        "imagefiles/encoders: test_pixels_come_back_in_format_size_channels_and_depth",
    ),
    "Modification time is kept with --keep-time": (
        "batch/pipeline: test_the_modification_time_is_kept_when_asked",
        "cli/clean_options: TestInPlace.test_each_picture_is_replaced_and_keeps_its_permissions_and_time",
    ),
    "A kill, a full disk or a crash leaves the old file whole and nothing half-written under a final name": (
        "faults: TestKilled.test_at_fifty_moments",
        "system/files: test_a_failure_in_mid_write_leaves_the_old_file_and_nothing_else",
        "system/files: test_a_killed_run_leaves_the_old_file_whole_and_its_remains_are_swept",
        "system/files: test_a_disk_that_takes_no_more_bytes",
        "fault_places: TestDiskFull.test_a_disk_without_room",
        "batch/supervisor: TestCrashes.test_what_a_death_leaves_half_written_is_swept",
    ),
    "An existing output is not overwritten without --overwrite": (
        "cli/clean: TestFolders.test_the_tree_is_mirrored_and_one_bad_file_does_not_stop_the_rest",
        "batch/planning: TestRefusals.test_what_exists_stays",
        "batch/pipeline: test_an_output_that_appears_meanwhile_is_not_overwritten",
    ),
    "An output that is the input, through a link or another spelling too, is refused unless --in-place": (
        "batch/planning: TestRefusals.test_the_input_is_no_output_in_any_spelling",
        "cli/clean_options: TestInPlace.test_a_link_stays_one_and_without_the_option_it_is_refused",
    ),
    "Two inputs that would write one output are reported before work starts": (
        "batch/planning: TestRefusals.test_two_pictures_that_would_become_one_are_both_refused_and_the_rest_goes_on",
        "cli/clean: TestFolders.test_a_collision_and_an_output_that_is_the_input",
    ),
}

FOLDERS = {
    "--recursive walks a folder and mirrors its tree; what is no picture is passed over": (
        "cli/clean: TestFolders.test_the_tree_is_mirrored_and_one_bad_file_does_not_stop_the_rest",
        "batch/planning: TestFolders.test_the_top_level_only_unless_recursive",
    ),
    "Hidden and junk files are ignored": (
        "batch/planning: TestFolders.test_hidden_and_junk_files_and_other_files_are_passed_over",
    ),
    "The output folder is never read, so that a second run does nothing new": (
        "batch/planning: TestFolders.test_the_output_folder_is_never_read",
        "batch/planning: TestFolders.test_earlier_results_beside_their_pictures_are_no_input",
    ),
    "One bad file does not stop the rest; counts, each failure by name and reason, exit status 1": (
        "batch/pipeline: test_one_bad_file_does_not_stop_the_rest",
        "cli/clean: TestFolders.test_the_tree_is_mirrored_and_one_bad_file_does_not_stop_the_rest",
        "batch/supervisor: TestCrashes.test_two_crashes_among_twenty_pictures_cost_two_pictures",
    ),
    "--report FILE.jsonl writes a line per file": (
        "cli/clean_options: TestReport.test_it_has_the_lines_of_json",
        "system/files: test_lines_are_in_the_file_as_soon_as_they_are_written",
    ),
    "--skip-existing finishes what an interrupted run left, trusting only complete files": (
        "batch/pipeline: test_a_second_run_skips_what_is_whole_and_only_that",
        "faults: TestKilled.test_at_fifty_moments",
    ),
    "Decoding, inference and encoding overlap; memory stays flat however many files there are": (
        "batch/pipeline: test_reading_runs_ahead_but_only_as_far_as_there_is_room",
        "batch/pipeline: test_a_picture_larger_than_the_room_goes_alone",
        "soak: test_memory_stays_flat",
    ),
}

COMMAND_LINE = {
    "Progress on stderr; a plain line per file where it is no terminal; --quiet, --json; NO_COLOR": (
        "cli/clean: TestTelling.test_a_terminal_gets_a_bar_and_colours_unless_told_not_to",
        "cli/clean: TestTelling.test_json",
        "cli/clean: TestOnePicture.test_it_becomes_cleaner_and_the_level_is_told",
    ),
    "- reads stdin and writes stdout, with nothing else on stdout": (
        "cli/clean: TestStreams.test_a_picture_goes_through_a_pipe",
    ),
    "Exit status: 0 all good, 1 something failed, 2 wrong usage, 130 after Ctrl-C": (
        "cli/clean: TestOnePicture.test_it_becomes_cleaner_and_the_level_is_told",
        "cli/clean: TestOnePicture.test_a_missing_or_bad_picture_is_one_line_and_status_1",
        "cli/clean: TestUsage.test_wrong_usage_is_status_2",
        "cli/clean: TestInterruption.test_ctrl_c_or_a_polite_kill",
    ),
    "One line says what is wrong and one what to do; a traceback only with --debug": (
        "cli/clean: TestOnePicture.test_a_missing_or_bad_picture_is_one_line_and_status_1",
        "here: test_what_is_cut_or_has_a_wrong_checksum_fails_in_one_line_and_writes_nothing",
    ),
    "A device named but not to be had is an error; auto says which it took": (
        "modelfiles/session: test_a_device_that_this_onnxruntime_lacks_is_an_error",
        "modelfiles/session: test_auto_says_which_device_it_took",
        "cli/clean: TestUsage.test_no_such_model_or_device",
    ),
    "Threads respect the affinity mask and a container's quota; --threads overrides": (
        "system/cpus: test_a_containers_quota_counts",
        "system/cpus: test_the_affinity_mask_counts",
        "modelfiles/session: test_threads_are_handed_on",
    ),
}

BAD_INPUT = {
    "missing, empty or unreadable file; a folder where a file is meant; text renamed .png": (
        "cli/clean: TestOnePicture.test_a_missing_or_bad_picture_is_one_line_and_status_1",
        "imagefiles/images: test_what_is_no_file_is_one_line",
        "fault_places: TestProtected.test_what_permissions_forbid_fails_by_name_and_the_rest_goes_on",
    ),
    "JPEG cut at half; PNG cut or with a bad CRC": (
        "here: test_what_is_cut_or_has_a_wrong_checksum_fails_in_one_line_and_writes_nothing",
        "imagefiles/images: test_a_file_that_is_cut_gives_an_error_and_no_picture",
        "imagefiles/png: test_every_byte_is_guarded",
        "fuzz: test_a_damaged_file_is_cleaned_or_refused",
    ),
    "a header that claims 10^9 pixels": (
        "here: test_headers_that_claim_a_billion_pixels",
        "security: test_a_picture_that_means_harm_is_refused_with_one_line_and_a_hint",
        "security: test_pictures_that_mean_harm_take_little_memory",
        "imagefiles/headers: test_a_header_that_claims_too_much_is_refused_unless_allowed",
        "cli/clean: TestOnePicture.test_the_limit_on_pixels",
    ),
    "a path with é, 漢字, emoji, spaces, a leading -, 300 characters": (
        "cli/clean: TestOnePicture.test_any_name_works_and_none_commands_the_terminal",
        "cli/clean: TestOnePicture.test_a_long_path_works",
        "system/files: test_paths_of_three_hundred_characters",
        "fault_places: TestNames.test_any_name_that_linux_knows",
    ),
    "1x1, 1x5000, 17x31 pixels": ("here: test_sizes_are_kept", "imagefiles/images: test_sizes_are_kept"),
    "16-bit gray, 16-bit RGBA, gray with alpha, palette with transparency, 1 bit": (
        "imagefiles/encoders: test_pixels_come_back_in_format_size_channels_and_depth",
        "restoration/denoiser: test_sixteen_bits_are_sixteen_bits",
    ),
    "float TIFF with NaN, infinity, negatives, above 1": (
        "here: test_floats_of_every_sort",
        "restoration/denoiser: test_pixels_that_are_no_numbers_stay_and_do_not_spread",
        "restoration/denoiser: test_floats_are_not_clipped",
    ),
    "EXIF orientation 1 to 8; Display-P3 profile; broken EXIF": (
        "here: test_corners_are_where_a_viewer_shows_them",
        "here: test_a_profile_and_broken_exif",
    ),
    "HEIC, JXL, RAW without a decoder": (
        "imagefiles/headers: test_what_an_optional_package_reads_is_refused_without_it",
    ),
    "disk full, read-only folder, killed in mid-write": (
        "fault_places: TestDiskFull.test_files_that_may_not_be_that_large",
        "fault_places: TestDiskFull.test_a_disk_without_room",
        "fault_places: TestProtected.test_an_output_folder_on_a_read_only_disk",
        "system/files: test_a_check_beforehand_sees_a_folder_that_is_closed",
        "system/files: test_a_killed_run_leaves_the_old_file_whole_and_its_remains_are_swept",
        "faults: TestKilled.test_at_fifty_moments",
    ),
    "stdin empty; stdout a terminal; the pipe closed": (
        "cli/clean: TestStreams.test_an_empty_pipe_is_an_error",
        "cli/clean: TestStreams.test_no_picture_is_written_to_a_terminal",
        "cli/clean: TestStreams.test_a_pipe_that_nobody_reads_ends_quietly",
        "cli/clean: TestStreams.test_streams_that_are_closed_end_it_quietly",
    ),
    "an ONNX model truncated, of wrong rank or channels, with external data outside its folder, or giving NaN": (
        "modelfiles/session: test_what_is_no_image_to_image_network_is_refused_with_the_reason",
        "modelfiles/session: test_a_truncated_file_is_refused",
        "modelfiles/session: test_external_data_is_not_read_even_if_it_is_there",
        "modelfiles/onnx_file: test_external_data_is_refused",
        "security: test_a_model_that_means_harm_is_refused_with_one_line_and_a_hint",
    ),
    "a checkpoint that is a malicious pickle": (
        "training/security: test_code_in_a_checkpoint_does_not_run",
        "training/fitting/fit: test_a_malicious_checkpoint_is_refused_and_nothing_runs",
    ),
    "training on an empty folder, one image, images smaller than the patch, mixed sizes; --noise -1 or nan": (
        "training/data/data: test_folders_without_a_usable_picture",
        "training/data/data: test_one_picture_is_enough",
        "training/data/data: test_unusable_files_are_left_out_by_name",
        "training/data/data: test_pictures_of_all_kinds_become_rgb",
        "cli/train: test_bad_input_is_one_line_and_a_hint",
    ),
    "resume after a kill": ("training/fitting/fit: test_killed_and_resumed_equals_whole",),
    "no network": (
        "training/data/mnist: test_without_a_network_the_hint_says_how_to_go_on",
        "packaging: test_the_installed_program_cleans_a_sample_without_torch",
    ),
}

ROWS = PIXELS | FILES | FOLDERS | COMMAND_LINE | BAD_INPUT


def names_in(file: str) -> set[str]:
    """Names of the tests of a file, as `batch/pipeline`, with their classes."""
    place = TESTS / file
    tree = ast.parse(place.with_name(f"test_{place.name}.py").read_text(encoding="utf-8"))
    found = set()
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{test.name}" for test in inner if getattr(test, "name", "").startswith("test_")}
    return found


@pytest.mark.parametrize("row", ROWS)
def test_each_row_names_tests_that_exist(row):
    assert ROWS[row]
    for name in ROWS[row]:
        file, _, test = name.partition(": ")
        assert test in names_in("contract" if file == "here" else file), name


def test_each_test_here_has_a_row():
    named = {name.removeprefix("here: ") for names in ROWS.values() for name in names}
    assert names_in("contract") - named == {
        test_each_row_names_tests_that_exist.__name__,
        "test_each_test_here_has_a_row",
    }


@pytest.fixture
def clean(run, place, network):
    """Clean the files of the folder `in`, given by name, into `out` with a tiny network; gives status and stderr."""
    (place / "in").mkdir()

    def clean(files: dict[str, bytes], *words):
        for name, data in files.items():
            (place / "in" / name).write_bytes(data)
        status, _, told = run("clean", "in", "-o", "out", "--threads", 1, "--model", network("rgb"), *words)
        return status, told

    return clean


# Size


SAVE = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000", "ppm": "PPM"}
"""Suffix -> Pillow's name of the format, where it isn't the same."""


def save(pixels, suffix, **options):
    """Let Pillow, or for HEIC its sister, write a file."""
    if suffix == "heic":
        heif = pytest.importorskip("pillow_heif")
        out = io.BytesIO()
        heif.from_pillow(Image.fromarray(pixels)).save(out, quality=90, **options)
        return out.getvalue()
    if suffix in {"jpg", "webp", "avif"}:
        options.setdefault("quality", 95)
    if suffix == "jp2":
        options.setdefault("num_resolutions", 1)
    return pillow(pixels, SAVE.get(suffix, suffix.upper()), **options)


def test_sizes_are_kept(clean, place):
    suffixes = ["png", "jpg", "webp", "tif", "bmp", "ppm", "jp2", "avif", "gif"]
    sizes = [(1, 1), (1, 5000), (17, 31)]
    made = {
        f"{suffix}-{size[1]}.{suffix}": (size, save(pattern(*size), suffix)) for suffix in suffixes for size in sizes
    }
    status, told = clean({name: data for name, (_, data) in made.items()})
    assert status == 0, told
    for name, (size, _) in made.items():
        with Image.open(place / "out" / name) as image:
            assert image.size == size[::-1], name


# What must not be treated wrongly in silence


def test_floats_of_every_sort(clean, place):
    unit = pattern(40, 50, dtype=np.float32)
    broken = unit.copy()
    broken[10, 10], broken[20, 30, 1], broken[30, 5, 0] = np.nan, np.inf, -np.inf
    files = {"unit": unit, "wide": unit * 3000 - 500, "broken": broken}
    data = {}
    for name, pixels in files.items():
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, photometric="rgb")
        data[f"{name}.tif"] = out.getvalue()
    status, told = clean(data)
    assert status == 0, told
    unit_result, wide, result = (tifffile.imread(place / "out" / f"{name}.tif") for name in files)
    assert wide.dtype == np.float32
    assert wide.min() < -100  # white is 1 all the same, and nothing is clipped
    assert wide.max() > 1000
    bad = ~np.isfinite(broken)
    whole = bad.any(axis=2)  # a pixel counts as a whole
    np.testing.assert_array_equal(result[whole], broken[whole])
    assert np.isfinite(result[~whole]).all()
    assert np.abs(result[~whole] - unit_result[~whole]).max() < 0.5
    assert np.abs(result[~whole] - broken[~whole]).max() > 0.01


def test_cmyk_is_refused_by_name(clean, place):
    cmyk = Image.fromarray(RGB).convert("CMYK")
    files = {"a.jpg": pillow(cmyk, "JPEG"), "b.tif": pillow(cmyk, "TIFF")}
    status, told = clean(files)
    assert status == 1
    assert told.count("CMYK") >= len(files)
    assert not (place / "out").exists()


def test_all_frames_and_pages_are_cleaned_or_none(clean, place):
    frames = [Image.fromarray(pattern(24, 36, seed=seed)) for seed in range(3)]
    options = {"save_all": True, "append_images": frames[1:]}
    animated = {
        "gif": {"duration": 120},
        "webp": {"duration": 120, "lossless": True},
        "png": {"duration": 120},
        "tif": {},
    }
    files = {f"a-{suffix}.{suffix}": save(frames[0], suffix, **options, **more) for suffix, more in animated.items()}
    status, told = clean(files | {"no.avif": save(frames[0], "avif", **options), "no.pgm": save(GRAY, "ppm") * 2})
    assert "no.avif: animated AVIF is not supported" in told
    assert "no.pgm: PNM with several pictures is not supported" in told
    assert status == 1
    for suffix in animated:
        with (
            Image.open(place / "in" / f"a-{suffix}.{suffix}") as before,
            Image.open(place / "out" / f"a-{suffix}.{suffix}") as image,
        ):
            assert image.n_frames == 3
            for number in range(3):
                before.seek(number)
                image.seek(number)
                old, new = (np.asarray(one.convert("RGB")).astype(int) for one in (before, image))
                assert np.abs(new - old).mean() > 0.5, (suffix, number)  # none is left as it was
                if suffix != "tif":
                    assert image.info["duration"] == pytest.approx(120)


# The way up


CORNERS = {"a": (230, 20, 20), "b": (20, 200, 20), "c": (20, 20, 230), "d": (240, 240, 240)}
"""Colours of the stored picture's corners, from the upper left by rows."""
SHOWN = {1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "cadb", 7: "dbca", 8: "bdac"}
"""EXIF orientation -> which of them a viewer shows where (EXIF 2.3, 4.6.4)."""


def with_corners():
    pixels = np.full((48, 80, 3), 128, np.uint8)
    for letter, (rows, columns) in zip(
        CORNERS, ((a, b) for a in (slice(16), slice(-16, None)) for b in (slice(20), slice(-20, None))), strict=True
    ):
        pixels[rows, columns] = CORNERS[letter]
    return pixels


def turned(suffix, orientation):
    """A file whose pixels are stored in one way and are to be shown in another."""
    if suffix == "tif":
        out = io.BytesIO()
        tifffile.imwrite(out, with_corners(), photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        return out.getvalue()
    exif = Image.Exif()
    exif[274] = orientation
    return save(with_corners(), suffix, exif=exif.tobytes())


def corners(pixels):
    """Letters of the colours in the corners of what is seen."""
    seen = [pixels[row, column].astype(int) for row in (6, -6) for column in (6, -6)]
    return "".join(min(CORNERS, key=lambda letter: np.abs(colour - CORNERS[letter]).sum()) for colour in seen)


def viewed(path):
    """What Pillow shows, and what libvips shows where it is installed and can read the file."""
    if path.suffix == ".heic":
        heif = pytest.importorskip("pillow_heif")
        yield np.asarray(heif.open_heif(path))
        return
    with Image.open(path) as image:
        yield np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    pyvips = pytest.importorskip("pyvips") if path.suffix in {".png", ".jpg", ".webp", ".tif", ".avif"} else None
    if pyvips:
        yield pyvips.Image.new_from_file(str(path)).autorot().numpy()


def test_corners_are_where_a_viewer_shows_them(clean, place):
    suffixes = ["png", "jpg", "webp", "tif", "avif", "heic"]
    made = {f"{suffix}-{number}.{suffix}": turned(suffix, number) for suffix in suffixes for number in SHOWN}
    status, told = clean(made, "--strength", 0)
    assert status == 0, told
    for name in made:
        number = int(Path(name).stem[-1])
        for folder in ("in", "out"):
            for pixels in viewed(place / folder / name):
                assert corners(pixels) == SHOWN[number], (folder, name)
                assert pixels.shape[:2] == ((48, 80) if number < 5 else (80, 48))


@pytest.mark.parametrize("target", ["tif", "bmp", "jp2", "heic"])
def test_corners_stay_when_the_format_changes(clean, place, target):
    made = {f"{number}.jpg": turned("jpg", number) for number in SHOWN}
    status, told = clean(made, "--format", target, "--strength", 0)
    assert status == 0, told
    for number, shown in SHOWN.items():
        for pixels in viewed(place / "out" / f"{number}.{target}"):
            assert corners(pixels) == shown, number


def test_a_profile_and_broken_exif(clean, place):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = profile.replace(b"sRGB", b"DiP3")
    suffixes = ["png", "jpg", "webp", "tif", "avif", "heic"]
    files = {f"{suffix}.{suffix}": save(RGB, suffix, icc_profile=wide) for suffix in suffixes}
    broken = {
        f"broken.{suffix}": save(RGB, suffix, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
        for suffix in ("jpg", "png", "webp")
    }
    status, told = clean(files | broken)
    assert status == 0, told
    assert told.count("EXIF is damaged") == len(broken)
    for suffix in suffixes:
        path = place / "out" / f"{suffix}.{suffix}"
        if suffix == "heic":
            assert pytest.importorskip("pillow_heif").open_heif(path).info["icc_profile"] == wide
        else:
            assert Image.open(path).info["icc_profile"] == wide


def readme_table():
    """The rows of the README's table of formats: name -> what is read, kept and written."""
    lines = (TESTS.parent / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| format | read | what is kept | written |") + 2
    rows = (
        line.strip("| ").split(" | ") for line in itertools.takewhile(lambda line: line.startswith("|"), lines[start:])
    )
    return {name: cells for name, *cells in rows}


def test_the_readme_says_what_each_format_keeps():
    table = readme_table()
    assert set(table) == {form.title for form in FORMATS.values()}
    exif = Image.Exif()
    exif[0x010F] = "Camera & Sons"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    all_of_it = Metadata(
        exif.tobytes().removeprefix(b"Exif\0\0"), profile, b"<x:xmpmeta>said</x:xmpmeta>", (300.0, 300.0)
    )
    for form in FORMATS.values():
        if not form.writable:
            assert form.written_as.title in table[form.title][2]
            continue
        found = inspect(encode(RGB, form.name, metadata=all_of_it), form.name).metadata
        kept = {"EXIF": found.exif, "XMP": found.xmp, "ICC": found.icc, "resolution": found.dpi}
        said = table[form.title][1]
        assert {word for word in kept if re.search(rf"\b{word}\b", said.split(";")[0])} == {
            word for word, part in kept.items() if part
        }, form.name
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "a picture")
    assert inspect(pillow(RGB, "PNG", pnginfo=texts), "x").metadata.png_chunks
    assert inspect(pillow(RGB, "JPEG", comment=b"a picture"), "x").metadata.jpeg_segments


# Damage


def test_what_is_cut_or_has_a_wrong_checksum_fails_in_one_line_and_writes_nothing(clean, place):
    made = [file for make in (by_pillow, by_opencv, by_tifffile) for file in make()]
    files = {f"half-{file.name}": file.data[: len(file.data) // 2] for file in made}
    for number, place_of in enumerate((30, -6)):  # in the header's checksum, and in the last one
        damaged = bytearray(pillow(RGB, "PNG"))
        damaged[place_of] ^= 1
        files[f"checksum-{number}.png"] = bytes(damaged)
    status, told = clean(files)
    assert status == 1
    assert not (place / "out").exists()
    lines = told.splitlines()
    for name in files:
        (line,) = [line for line in lines if f"{name}: " in line and line.startswith("error: ")]
        assert "this is a fault of denoise-ae" not in line
    ours = ("error: ", "hint: ", "failed: ", "0 cleaned", "model ")
    assert [line for line in lines if not line.startswith(ours)] == []


def chunk(kind, payload):
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def test_headers_that_claim_a_billion_pixels(clean, place):
    side = 40_000
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b"")
    )
    jpeg = bytearray(pillow(RGB, "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", side, side)
    bmp = bytearray(pillow(RGB, "BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    gif = bytearray(pillow(Image.fromarray(GRAY), "GIF"))
    gif[6:10] = struct.pack("<HH", side, side)
    files = {
        "a.png": png,
        "b.jpg": bytes(jpeg),
        "c.bmp": bytes(bmp),
        "d.ppm": b"P6 40000 40000 255\n12",
        "e.gif": bytes(gif),
    }
    status, told = clean(files)
    assert status == 1
    assert told.count(f"claims {side} x {side} pixels") >= len(files)
    assert "--max-megapixels" in told
    assert not (place / "out").exists()
