"""The command line, one file per command, and the only importer of typer and rich.

Commands import numpy, cv2, onnxruntime and torch inside their functions, so that ``denoise-ae --help`` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

import typer

from denoise_ae import __version__
from denoise_ae.cli import (
    bench,
    clean,
    compare,
    decode,
    desktop,
    doctor,
    encode,
    export,
    features,
    generate,
    models,
    noise,
    repair,
    train,
)
from denoise_ae.cli.show.render import INTERRUPTED, print_error
from denoise_ae.errors import DenoiseError, library_missing


def _version(show: bool) -> None:
    if show:
        typer.echo(f"denoise-ae {__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """Assemble the command-line application from its commands."""
    app = typer.Typer(
        name="denoise-ae",
        help="Clean noisy pictures with convolutional denoising autoencoders, offline.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # help in rich's frames takes twice as long to answer
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
    ) -> None:
        """Clean noisy pictures with convolutional denoising autoencoders, offline."""

    app.command("clean")(clean.clean)
    app.command("repair")(repair.repair)
    app.command("desktop")(desktop.desktop)
    app.command("train")(train.train)
    app.command("export")(export.export)
    app.command("encode")(encode.encode)
    app.command("decode")(decode.decode)
    app.command("generate")(generate.generate)
    app.command("features")(features.features)
    app.command("noise")(noise.noise)
    app.command("compare")(compare.compare)
    app.command("bench")(bench.bench)
    app.command("doctor")(doctor.doctor)
    app.add_typer(models.app, name="models")
    return app


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Exit status: 0 all good, 1 something failed, 2 wrong usage, 130 after Ctrl-C.

    Args:
        arguments: the words after the program's name; None takes them from ``sys.argv``.
    """
    # Passed on, since typer expands sys.argv itself on Windows: a[1].png would mean a1.png, and ~ the home folder.
    words = sys.argv[1:] if arguments is None else arguments
    # Read here too, since an error may come before the option is parsed.
    debug = "--debug" in words
    try:
        try:
            build_app()(args=words, prog_name="denoise-ae")
        finally:
            if arguments is None:
                _ignore_ctrl_c()
            if sys.stdout is not None:  # a process may be started without it
                sys.stdout.flush()
    except DenoiseError as error:
        if debug:
            raise
        print_error(error.message, error.hint)
        sys.exit(error.exit_status)
    except (ImportError, MemoryError) as error:
        if debug:
            raise
        failure = library_missing("denoise-ae", error)
        print_error(failure.message, failure.hint)
        sys.exit(failure.exit_status)
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(INTERRUPTED)
    except OSError as error:
        if debug:
            raise
        _leave_stdout()
        print_error(f"{error.filename or 'standard output'}: {error.strerror or error}")
        sys.exit(1)
    sys.exit(0)


def _ignore_ctrl_c() -> None:
    """Ignore Ctrl-C while Python shuts down, so that pressing it twice does not change the exit status."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _leave_stdout() -> None:
    """Drop what can't be written to stdout, so that Python does not try again on exit and print a traceback."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
