"""A child and its parent talk, and each notices at once when the other ends."""

import subprocess
import sys
import time

import pytest

from denoise_ae.system.connection import start_connected

ECHO = """
import sys
from denoise_ae.system.connection import connection_to_parent
connection = connection_to_parent()
print("what a decoder prints")
assert sys.stdin.read() == ""
try:
    while True:
        connection.send((connection.recv(), sys.argv))
except EOFError:
    sys.exit(3)
"""


@pytest.fixture
def echo():
    process, connection = start_connected([sys.executable, "-c", ECHO], stderr=subprocess.DEVNULL)
    with connection:
        yield process, connection
    process.kill()
    process.wait()


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_what_is_sent_comes_back_and_is_not_on_the_command_line(echo, size):
    _, connection = echo
    connection.send("x" * size)
    assert connection.poll(60)
    assert connection.recv() == ("x" * size, ["-c"])


def test_the_parent_notices_the_end_of_the_child(echo):
    process, connection = echo
    connection.send("hello")
    connection.recv()
    process.kill()
    begin = time.monotonic()
    assert connection.poll(60) and time.monotonic() - begin < 10
    with pytest.raises((EOFError, OSError)):
        connection.recv()


def test_the_child_notices_the_end_of_the_parent(echo):
    process, connection = echo
    connection.close()
    assert process.wait(60) == 3
