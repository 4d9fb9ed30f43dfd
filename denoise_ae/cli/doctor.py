"""``denoise-ae doctor``: find problems of this installation, and how to fix them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_ae.cli.options import Debug
from denoise_ae.cli.show.render import print_error, print_line, print_table, printable

if TYPE_CHECKING:
    from denoise_ae.doctor import Device, Library, Report
    from denoise_ae.system.cpus import CpuLimits


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Examine this installation: versions, threads, devices and models.

    Each device cleans the same picture, and its result is compared with the CPU's. Packages that overwrite each other
    are reported, and models are checked against their checksums. The exit status is 1 if something is broken.
    """
    from denoise_ae.doctor import examine

    report = examine()
    if as_json:
        typer.echo(json.dumps(_entry(report), indent=2))
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _entry(report: Report) -> dict[str, object]:
    return asdict(report) | {
        "models_folder": str(report.models_folder),
        "cpus": asdict(report.cpus) | {"usable": report.cpus.usable},
        "problems": [asdict(problem) for problem in report.problems],
        "ok": report.ok,
    }


def _print(report: Report) -> None:
    """Print the findings on stdout, the problems last."""
    from rich.console import Console

    folder = printable(str(report.models_folder)) + ("" if report.models_folder.is_dir() else " (not there yet)")
    facts = [
        ("denoise-ae", report.denoise_ae),
        ("Python", printable(f"{report.python}, {report.executable}")),
        ("platform", report.platform),
        *((library.name, _version(library)) for library in report.libraries),
        ("extras", _extras(report)),
        ("PyTorch", report.torch or "not installed; only training needs it"),
        ("threads", _threads(report.cpus)),
        ("your models", folder),
    ]
    print_table(("", ""), facts)
    typer.echo()
    rows = [(model.name, model.origin, "damaged" if model.problems else "ok") for model in report.models]
    print_table(("model", "origin", "checksum"), rows)
    typer.echo()
    if report.devices:
        print_table(("device", "self-test", "largest difference", "speed"), map(_row, report.devices))
    else:
        typer.echo("devices: not tested, see the problems")
    typer.echo()
    console = Console(file=sys.stdout, highlight=False)
    for problem in report.problems:
        if problem.broken:
            print_error(problem.message, problem.hint, console)
        else:
            print_line(console, ("note: ", "bold"), problem.message)
            print_line(console, ("hint: ", "bold"), problem.hint)
    if report.ok:
        typer.echo("nothing is broken")


def _version(library: Library) -> str:
    if library.wheels == {library.name.lower(): library.version}:
        return str(library.version)
    wheels = ", ".join(f"{name} {number}" for name, number in library.wheels.items())
    return f"{library.version or 'broken'} ({wheels or 'no package found'})"


def _extras(report: Report) -> str:
    installed = ", ".join(f"{name} {number}" for name, number in report.extras.items())
    return (
        installed
        or "none; HEIC, JPEG XL, camera RAW and the window need them: pip install 'denoise-ae[heic,jxl,raw,desktop]'"
    )


def _threads(cpus: CpuLimits) -> str:
    quota = "no container quota" if cpus.quota is None else f"container quota {cpus.quota:g}"
    return f"{cpus.usable} of the machine's {cpus.machine} CPUs (affinity mask {cpus.affinity}, {quota})"


def _row(device: Device) -> tuple[str, str, str, str]:
    difference = "" if device.difference is None else f"{device.difference:.3f} of 255"
    speed = "" if device.megapixels_a_second is None else f"{device.megapixels_a_second:.2f} megapixels/s"
    return device.name, device.state, "reference" if device.name == "cpu" else difference, speed
