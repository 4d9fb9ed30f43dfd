"""Damage to files, at random but repeatable: bits, cuts, lies in headers, pieces in wrong numbers and orders."""

import re
import struct
import zlib
from collections.abc import Callable
from random import Random

NUMBERS = [*range(10), 12, 16, 17, 24, 32, 64, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535, 65536, 10**6]
NUMBERS += [2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63]
"""What headers lie: nothing, too little, too much, at the edges of types."""

_PNG = b"\x89PNG\r\n\x1a\n"
_CONTAINERS = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"moov": 8, b"jp2h": 8, b"trak": 8}
"""Boxes of boxes -> the length of their heads."""


def mutate(data: bytes, other: bytes, random: Random) -> bytes:
    """Damage a file.

    Args:
        data: the file.
        other: another one, of which parts may come in.
        random: where the choices come from.
    """
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        data = random.choice(_DAMAGES)(data, other, random)
    return data


def pieces_of(data: bytes) -> list[bytes]:
    """Cut a file into its chunks, segments, boxes or fields, as far as it has any; together they are the file."""
    if data.startswith(_PNG):
        return [_PNG, *_chunks(data, 8, len(data), ">I4x", 12)]
    if data.startswith(b"RIFF"):
        return [data[:12], *_chunks(data, 12, len(data), "<4xI", 8, even=True)]
    if data[4:8] in {b"ftyp", b"jP  ", b"JXL "}:
        return _boxes(data, 0, len(data))
    if data.startswith(b"\xff\xd8\xff"):
        return _segments(data)
    if data[:4] in {b"II*\0", b"MM\0*"}:
        return _fields(data)
    if data.startswith(b"GIF8"):
        return re.split(rb"(?=[\x21\x2c])", data)
    return [data[start : start + 2] for start in range(0, min(len(data), 60), 2)] + [data[60:]]


def _chunks(data: bytes, start: int, end: int, head: str, extra: int, *, even: bool = False) -> list[bytes]:
    found = []
    while start + 8 <= end:
        (length,) = struct.unpack_from(head, data, start)
        length += extra + (length % 2 if even else 0)
        found.append(data[start : min(start + length, end)])
        start += length
    return [*found, data[start:end]] if start < end else found


def _boxes(data: bytes, start: int, end: int) -> list[bytes]:
    found = []
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        stop = min(start + length, end) if length >= 8 else end
        inside = _CONTAINERS.get(kind)
        found += [data[start : start + inside], *_boxes(data, start + inside, stop)] if inside else [data[start:stop]]
        start = stop
    return [*found, data[start:end]] if start < end else found


def _segments(data: bytes) -> list[bytes]:
    found, start = [data[:2]], 2
    while start + 4 <= len(data) and data[start] == 0xFF and data[start + 1] != 0xDA:
        length = 2 + int.from_bytes(data[start + 2 : start + 4])
        found.append(data[start : start + length])
        start += length
    return [*found, data[start:]]


def _fields(data: bytes) -> list[bytes]:
    order = "<" if data.startswith(b"II") else ">"
    start = struct.unpack_from(order + "I", data, 4)[0] if len(data) >= 8 else 0
    if not 8 <= start <= len(data) - 2:
        return [data]
    (count,) = struct.unpack_from(order + "H", data, start)
    table = [data[place : place + 12] for place in range(start + 2, min(start + 2 + 12 * count, len(data)), 12)]
    return [data[:start], data[start : start + 2], *table, data[start + 2 + 12 * count :]]


def _seal(piece: bytes, random: Random) -> bytes:
    """Give a PNG's chunk a right length and checksum, mostly; leave other pieces as they are."""
    if len(piece) < 12 or not re.fullmatch(rb"[A-Za-z]{4}", piece[4:8]) or random.random() < 0.1:
        return piece
    length, kind, payload = struct.unpack_from(">I", piece)[0], piece[4:8], piece[8:-4]
    if length != len(payload):
        return piece
    return piece[:-4] + zlib.crc32(kind + payload).to_bytes(4)


def _flip(data: bytes, _other: bytes, random: Random) -> bytes:
    damaged = bytearray(data)
    # Often near the beginning, where the headers are.
    reach = random.choice([64, 512, len(data)])
    for _ in range(random.choice([1, 2, 8, 32])):
        damaged[random.randrange(min(reach, len(data)))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _overwrite(data: bytes, _other: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    length = random.randrange(1, 64)
    filling = random.choice([b"\0" * length, b"\xff" * length, random.randbytes(length)])
    return data[:start] + filling + data[start + length :]


def _cut(data: bytes, _other: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data))] if len(data) > 1 else data


def _take_out(data: bytes, _other: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.randrange(1, 200) :] or data


def _repeat(data: bytes, _other: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    end = start + random.randrange(1, 200)
    return data[:end] + data[start:end] * random.choice([1, 1, 50]) + data[end:]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data) + 1)] + other[random.randrange(len(other)) :]


def _append(data: bytes, other: bytes, random: Random) -> bytes:
    return data + random.choice([other, data, random.randbytes(1000), b"\0" * 5000])


def _lie(data: bytes, _other: bytes, random: Random) -> bytes:
    """Put a number into a piece where another may be."""
    pieces = pieces_of(data)
    index = min(int(random.expovariate(0.3)), len(pieces) - 1)
    piece = bytearray(pieces[index])
    size = random.choice([1, 2, 2, 4, 4, 8])
    if len(piece) < size:
        return data
    place = min(int(random.expovariate(0.1)) // random.choice([1, size]) * random.choice([1, size]), len(piece) - size)
    number = random.choice([*NUMBERS, len(data), len(piece)]) % 256**size
    piece[place : place + size] = number.to_bytes(size, random.choice(["little", "big"]))
    pieces[index] = _seal(bytes(piece), random)
    return b"".join(pieces)


def _lie_in_words(data: bytes, other: bytes, random: Random) -> bytes:
    """Replace a number in the text header of a PNM."""
    if not re.match(rb"P\d\s", data):
        return _lie(data, other, random)
    numbers = list(re.finditer(rb"\d+", data[:20]))
    chosen = random.choice(numbers)
    return data[: chosen.start()] + str(random.choice(NUMBERS)).encode() + data[chosen.end() :]


def _shuffle(data: bytes, other: bytes, random: Random) -> bytes:
    """Drop, double, exchange, reverse or import whole pieces, or put the file into one of its own."""
    pieces = pieces_of(data)
    one, two = random.randrange(len(pieces)), random.randrange(len(pieces))
    what = random.randrange(6)
    if what == 0:
        del pieces[one]
    elif what == 1:
        pieces[one:one] = [pieces[two]] * random.choice([1, 1, 40])
    elif what == 2:
        pieces[one], pieces[two] = pieces[two], pieces[one]
    elif what == 3:
        pieces[1:] = pieces[:0:-1]
    elif what == 4:
        pieces[one:one] = [random.choice(pieces_of(other))]
    else:
        pieces[one:one] = [_nest(pieces[one], data)]
    return b"".join(pieces) or data


def _nest(piece: bytes, data: bytes) -> bytes:
    """Make a piece of the same kind whose content is the whole file."""
    if re.fullmatch(rb"[A-Za-z]{4}", piece[4:8]) and len(piece) >= 12:
        return len(data).to_bytes(4) + piece[4:8] + data + zlib.crc32(piece[4:8] + data).to_bytes(4)
    if piece[:1] == b"\xff" and len(data) < 65000:
        return piece[:2] + (len(data) + 2).to_bytes(2) + data
    return piece[:4] + len(data).to_bytes(4, "little") + data


def _bomb(data: bytes, other: bytes, random: Random) -> bytes:
    """Let a PNG hold far more than it seems to."""
    if not data.startswith(_PNG):
        return _shuffle(data, other, random)
    zeros = zlib.compress(bytes(30_000_000))
    kind, payload = random.choice([(b"zTXt", b"a\0\0" + zeros), (b"iCCP", b"a\0\0" + zeros), (b"IDAT", zeros)])
    chunk = len(payload).to_bytes(4) + kind + payload + zlib.crc32(kind + payload).to_bytes(4)
    pieces = pieces_of(data)
    return b"".join([*pieces[:2], chunk, *pieces[2:]])


_DAMAGES: list[Callable[[bytes, bytes, Random], bytes]] = [_flip, _overwrite, _cut, _take_out, _repeat, _splice]
_DAMAGES += [_append, _lie_in_words, _bomb, *[_lie] * 6, *[_shuffle] * 4]
