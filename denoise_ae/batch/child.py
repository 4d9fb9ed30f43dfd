"""The process in which a `denoise_ae.batch.supervisor` has its pictures cleaned.

What it needs is loaded only once it can say what is wrong: with little memory that fails, too.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Lock, Thread

from denoise_ae.batch.jobs import Failed, Job
from denoise_ae.batch.tasks import JobRequested, Message, ResultAnnounced, Task
from denoise_ae.errors import DenoiseError, library_missing
from denoise_ae.system.connection import connection_to_parent


def main() -> None:
    """Be the child of a supervisor: read a task and then jobs from the connection to it, and send messages back.

    The end of the connection, which comes with the supervisor's, ends this process at once. It may be stuck in a
    decoder, and has nothing to tidy up but a temporary file, which the supervisor or the next run sweeps.
    """
    # What a terminal's Ctrl-C means is for the supervisor to say. It blocks such signals where it can.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = connection_to_parent()
    os.dup2(2, 1)  # what a model's runtime prints is for people
    lock = Lock()

    def send(message: Message) -> None:
        try:
            with lock:
                connection.send(message)
        except OSError:  # the supervisor was killed
            os._exit(1)

    task: Task = connection.recv()
    try:
        from denoise_ae.batch.worker import Worker, silence_native_output

        worker = Worker(task)
    except DenoiseError as error:
        send(_portable(error))
        return
    except (ImportError, MemoryError, OSError) as error:
        send(_portable(library_missing(f"model {task.model}", error)))
        return
    send(worker.ready)
    jobs: SimpleQueue[Job] = SimpleQueue()

    def receive() -> None:
        try:
            while True:
                jobs.put(connection.recv())
        finally:
            os._exit(0)

    def requested() -> Iterator[Job]:
        while True:
            send(JobRequested())
            yield jobs.get()

    Thread(target=receive, name="receive", daemon=True).start()
    with silence_native_output():
        for event in worker.stream(requested(), lambda event: send(ResultAnnounced(event))):
            if isinstance(event, Failed):
                _portable(event.error)
            send(event)


def _portable(error: DenoiseError) -> DenoiseError:
    """Add the traceback as a note, since traceback and causes do not leave this process."""
    error.add_note("".join(traceback.format_exception(error)))
    return error
