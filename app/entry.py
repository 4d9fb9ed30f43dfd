"""The stand-alone program: the window, and the command line for those who type a command; see `make app`."""

import sys
from pathlib import Path

from denoise_ae.system.child_process import CHILD


def main() -> None:
    """Be a child that works for another process of ours, the command line, or the window."""
    words = sys.argv[1:]
    if words[:1] == [CHILD]:
        be_child(words[1], words[2:])
    elif words[:1] == ["--smoke"]:
        open_and_save(Path(words[1]), Path(words[2]))
    else:
        from denoise_ae.cli import build_app
        from denoise_ae.cli import main as command_line

        commands = {command.name for command in build_app().registered_commands} | {"models"}
        command_line(words if words and (words[0] in commands or words[0].startswith("-")) else ["desktop", *words])


def be_child(room: str, words: list[str]) -> None:
    """Do what Python without this program would be started for."""
    if room == "worker":
        from denoise_ae.batch.child import main as work

        work()
    elif room == "trial":
        from denoise_ae.modelfiles.trial import main as try_out

        try_out(words)


def open_and_save(picture: Path, output: Path) -> None:
    """Open a picture in the window, wait until it is clean, save it, and end: whether a frozen window works at all."""
    from PySide6.QtCore import QTimer

    from denoise_ae.desktop.app import make_application
    from denoise_ae.desktop.window import MainWindow

    app = make_application()
    window = MainWindow()
    window.show()
    window.open_paths([picture])

    def look() -> None:
        if output.exists() and not window.session.unsaved:
            window.close()
            app.quit()
        elif window.session.document is not None and window.session.complete and not window._busy:
            window._save_to(output)

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(100)
    app.exec()


if __name__ == "__main__":
    main()
