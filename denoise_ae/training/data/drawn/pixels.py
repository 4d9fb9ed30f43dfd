"""Drawings made of blocks: codes, sprites, maps of tiles, swatches, heat maps, and flat shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from denoise_ae.training.data.drawn.base import (
    Kind,
    Picture,
    blocks,
    canvas,
    colour,
    grid,
    pair,
    palette,
    pixels,
    smooth,
    tint,
)

Rng = np.random.Generator
Fonts = Sequence[Path]


def _module(rng: Rng) -> int:
    # Single random pixels look like noise, so blocks of 1 are rare.
    return int(rng.choice(8, p=[0.03, 0.2, 0.2, 0.19, 0.13, 0.1, 0.05, 0.1])) + 1


def _finders(cells: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    # The three nested squares in the corners of a QR code.
    mark = np.zeros((8, 8), bool)
    mark[:7, :7] = True
    mark[1:6, 1:6] = False
    mark[2:5, 2:5] = True
    cells[:8, :8] = mark
    cells[:8, -8:] = mark[:, ::-1]
    cells[-8:, :8] = mark[::-1]


def matrix_code(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """One or several codes of random modules, with the marks that scanners look for and their quiet zone."""
    paper, ink = pair(rng)
    picture = np.empty((side, side, 3), np.uint8)
    picture[:] = paper
    module = _module(rng)
    count = int(rng.integers(5, 15)) * 4 + 1
    extent = (count + 8) * module
    count, extent = (count, extent) if extent <= side else (max(17, side // module - 8), side)
    if rng.random() < 0.6:
        cells = rng.random((count, count)) < 0.5
        _finders(cells)
    else:
        # Data Matrix: two solid edges, two dotted ones.
        cells = rng.random((count, count)) < 0.5
        cells[:, 0] = cells[-1] = True
        cells[0] = np.arange(count) % 2 == 0
        cells[:, -1] = np.arange(count) % 2 == 1
    code = blocks(tint(cells, paper, ink), module, side)
    top, left = rng.integers(0, max(1, side - len(code) + 1), 2)
    for y in range(int(top) % extent if extent < side else 0, side, extent):
        for x in range(int(left) % extent if extent < side else 0, side, extent):
            part = picture[y : y + len(code), x : x + len(code)]
            part[:] = code[: part.shape[0], : part.shape[1]]
    return picture


def bar_code(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Bars of 1 to 4 modules beside each other, in one or several rows, upright or lying."""
    paper, ink = pair(rng)
    level = np.zeros((side, side), bool)
    module = int(rng.choice([1, 1, 2, 2, 3, 4]))
    top = int(rng.integers(0, 12))
    while top < side:
        high = int(rng.integers(6, 110))
        widths = rng.choice([1, 1, 1, 2, 2, 3, 4], side // module + 2) * module
        line = (np.arange(len(widths)) % 2 == 0).repeat(widths)[:side]
        margin = int(rng.integers(0, 24))
        line[:margin] = line[side - margin :] = False
        level[top : top + high] = line
        top += high + (0 if rng.random() < 0.3 else int(rng.integers(3, 24)))
    picture = tint(level if rng.random() < 0.7 else level.T, paper, ink)
    return np.ascontiguousarray(picture)


def _sprite(rng: Rng, size: int, colours: Picture) -> Picture:
    # Blobs of colour mirrored about the middle, with an outline as most sprites have.
    half = -(-size // 2)
    body = smooth(size, rng, max(2, size // 3))[:, :half] > rng.uniform(0.35, 0.55)
    inner = rng.integers(2, max(3, len(colours)), (size, half))
    shade = (smooth(size, rng, max(2, size // 2))[:, :half] * (len(colours) - 2)).astype(np.int64) + 2
    inner = np.where(rng.random() < 0.4, inner, shade.clip(2, len(colours) - 1))
    body[[0, -1]] = False
    body[:, 0] = False
    spread = np.pad(body, 1, mode="edge")
    outline = ~body & (spread[:-2, 1:-1] | spread[2:, 1:-1] | spread[1:-1, :-2] | spread[1:-1, 2:])
    index = np.where(body, inner, np.where(outline, 1, 0))
    return np.concatenate([index, index[:, ::-1]], 1)[:, :size].astype(np.uint8)


def sprites(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Small figures in rows or scattered, blocks of 1 to 8 pixels, a palette each."""
    module = int(rng.choice([1, 1, 2, 2, 2, 3, 4, 5, 6, 8]))
    small = -(-side // module)
    picture = np.empty((small, small, 3), np.uint8)
    picture[:] = colour(rng)
    size = int(rng.choice([8, 12, 16, 16, 24, 32]))
    kinds = []
    for _ in range(int(rng.integers(2, 9))):
        colours = palette(rng, int(rng.integers(4, 9)))
        kinds.append((_sprite(rng, size, colours), colours))
    gap = int(rng.integers(0, size // 2 + 1))
    for top in range(0, small, size + gap):
        for left in range(0, small, size + gap):
            if rng.random() < 0.25:
                continue
            figure, colours = kinds[int(rng.integers(len(kinds)))]
            part = picture[top : top + size, left : left + size]
            figure = figure[: part.shape[0], : part.shape[1]]
            np.copyto(part, colours[figure], where=(figure > 0)[..., None])
    return blocks(picture, module, side)


def tile_map(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """The ground of an old game: repeated tiles of 8 or 16, chosen by a smooth landscape."""
    module = int(rng.choice([1, 1, 2, 2, 3, 4]))
    size = int(rng.choice([8, 8, 16]))
    count = int(rng.integers(3, 7))
    tiles = np.empty((count, size, size, 3), np.uint8)
    x, y = grid(size)
    for tile in tiles:
        colours = palette(rng, 3)
        marks = rng.random((size, size)) < rng.uniform(0.03, 0.2)
        chance = rng.random()
        if chance < 0.3:
            marks = (y % (size // 2) == 0) | ((x + (y // (size // 2)) * (size // 2)) % size == 0)
        elif chance < 0.5:
            marks = (x + y) % int(rng.choice([2, 4])) == 0
        tile[:] = colours[0]
        tile[marks] = colours[1]
        if rng.random() < 0.3:
            tile[0] = tile[:, 0] = colours[2]
    cells = -(-side // (module * size))
    index = (smooth(cells, rng, max(2, cells // 3)) * (count - 0.01)).astype(np.int64)
    if rng.random() < 0.3:
        index = rng.integers(0, count, (cells, cells))
    ground = tiles[index].transpose(0, 2, 1, 3, 4).reshape(cells * size, cells * size, 3)
    return blocks(ground, module, side)


def truchet(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Tiles turned at random whose lines or arcs join: mazes, pipes, triangles."""
    paper, ink = pair(rng)
    size = int(rng.integers(4, 25))
    x, y = (axis + 0.5 for axis in grid(size))
    thick = max(1.0, size * float(rng.uniform(0.1, 0.35)))
    chance = rng.random()
    if chance < 0.35:
        tile = (
            thick / 2 + 0.5 - np.minimum(abs(np.hypot(x, y) - size / 2), abs(np.hypot(x - size, y - size) - size / 2))
        )
    elif chance < 0.65:
        tile = thick / 2 + 0.5 - np.abs(x - y) * 0.7
    else:
        tile = x - y
    tile = np.clip(tile, 0, 1) if rng.random() < 0.5 else (tile > 0.5).astype(np.float32)
    tiles = np.stack([np.rot90(tile, turn) for turn in range(4)])
    cells = -(-side // size)
    level = tiles[rng.integers(0, 4, (cells, cells))].transpose(0, 2, 1, 3).reshape(cells * size, cells * size)
    return tint(level[:side, :side], paper, ink)


def swatches(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Squares or oblongs of one colour each, with or without a grid between them."""
    high, wide = (int(value) for value in rng.integers(4, 33, 2))
    wide = high if rng.random() < 0.6 else wide
    rows, columns = -(-side // high), -(-side // wide)
    colours = rng.integers(0, 256, (rows, columns, 3)).astype(np.uint8)
    if rng.random() < 0.4:
        few = palette(rng, int(rng.integers(3, 12)))
        colours = few[rng.integers(0, len(few), (rows, columns))]
    picture = colours.repeat(high, 0).repeat(wide, 1)[:side, :side]
    if rng.random() < 0.3:
        picture[::high] = picture[:, ::wide] = colour(rng)
    return picture


def heat_map(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Cells of 2 to 16 pixels on a scale of colours: values at random, smooth or in blocks."""
    module = int(rng.integers(2, 17))
    count = -(-side // module)
    values = rng.random((count, count)).astype(np.float32)
    chance = rng.random()
    if chance < 0.35:
        values = 0.8 * smooth(count, rng, max(2, count // 6)) + 0.2 * values
    elif chance < 0.55:
        order = rng.random(count)
        values = np.abs(order[:, None] - order).astype(np.float32)
    stops = rng.integers(0, 256, (int(rng.integers(2, 6)), 3)).astype(np.float32)
    place = np.linspace(0, 1, len(stops))
    scale = np.stack([np.interp(np.linspace(0, 1, 256), place, stops[:, channel]) for channel in range(3)], -1)
    picture = blocks(scale.astype(np.uint8)[(values * 255).astype(np.uint8)], module, side)
    if rng.random() < 0.25 and module > 3:
        picture[::module] = picture[:, ::module] = colour(rng)
    return picture


def palette_picture(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A smooth picture in a few flat colours, at blocks of 1 to 8 pixels."""
    module = int(rng.choice([1, 1, 2, 2, 3, 4, 6, 8]))
    small = -(-side // module)
    colours = palette(rng, int(rng.integers(3, 17)))
    height = smooth(small, rng, int(rng.integers(3, 14)))
    return blocks(colours[(height * (len(colours) - 0.01)).astype(np.int64)], module, side)


def _shape(draw: ImageDraw.ImageDraw, rng: Rng, side: int, size: int, line: int) -> None:
    left, top = (int(value) for value in rng.integers(-size // 2, side, 2))
    box = (left, top, left + int(rng.integers(2, size)), top + int(rng.integers(2, size)))
    fill = colour(rng)
    edge = (0, 0, 0) if rng.random() < 0.5 else colour(rng)
    chance = rng.random()
    if chance < 0.25:
        draw.rectangle(box, fill, edge, line)
    elif chance < 0.45:
        draw.ellipse(box, fill, edge if line else None, line)
    elif chance < 0.55:
        draw.rounded_rectangle(box, max(1, min(box[2] - box[0], box[3] - box[1]) // 3), fill, edge, line)
    elif chance < 0.8:
        corners = [(left + int(a), top + int(b)) for a, b in rng.integers(0, size, (int(rng.integers(3, 8)), 2))]
        draw.polygon(corners, fill, edge if line else None, line)
    elif chance < 0.9:
        draw.line([(left + int(a), top + int(b)) for a, b in rng.integers(0, 2 * size, (3, 2))], fill, max(1, line))
    else:
        start = int(rng.integers(0, 360))
        draw.pieslice(box, start, start + int(rng.integers(40, 320)), fill, edge if line else None, line)


def shapes(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """Flat discs, oblongs and polygons over each other, with thin outlines or none."""
    image, draw = canvas(side, colour(rng))
    size = int(rng.choice([10, 20, 40, 90]))
    line = int(rng.choice([0, 0, 1, 1, 2, 3]))
    for _ in range(min(160, int((side / size) ** 2 * rng.uniform(0.5, 3)) + 5)):
        _shape(draw, rng, side, size, line)
    return pixels(image)


def _icon(rng: Rng, tile: int, corner: int, ground: tuple[int, ...]) -> Image.Image:
    image = Image.new("RGB", (tile, tile), ground)
    draw = ImageDraw.Draw(image)
    back, front = pair(rng)
    draw.rounded_rectangle((0, 0, tile - 1, tile - 1), corner, back)
    for _ in range(int(rng.integers(1, 4))):
        ends = np.sort(rng.integers(2, max(4, tile - 2), (2, 2)), 0)
        box = (int(ends[0, 0]), int(ends[0, 1]), int(ends[1, 0]), int(ends[1, 1]))
        chance = rng.random()
        if chance < 0.3:
            draw.ellipse(box, None if rng.random() < 0.5 else front, front, 2)
        elif chance < 0.6:
            draw.rectangle(box, front)
        elif chance < 0.8:
            draw.line(box, front, int(rng.integers(1, 4)))
        else:
            draw.polygon(((box[0], box[3]), (box[2], box[3]), ((box[0] + box[2]) // 2, box[1])), front)
    return image


def icons(side: int, rng: Rng, fonts: Fonts) -> Picture:
    """A grid of small signs, each of a few shapes on a tile."""
    image, _ = canvas(side, pair(rng)[0])
    pitch = int(rng.integers(18, 60))
    tile = int(pitch * rng.uniform(0.6, 0.95))
    round_ = int(rng.integers(1, 9))
    ground = image.getpixel((0, 0))
    signs = [_icon(rng, tile, round_, ground if isinstance(ground, tuple) else (0, 0, 0)) for _ in range(12)]
    for top in range(int(rng.integers(-9, 4)), side, pitch):
        for left in range(3, side, pitch):
            image.paste(signs[int(rng.integers(len(signs)))], (left, top))
    return pixels(image)


PIXELS: dict[str, tuple[Kind, float]] = {
    "matrix_code": (matrix_code, 5), "bar_code": (bar_code, 3), "sprites": (sprites, 4), "tile_map": (tile_map, 2.5),
    "truchet": (truchet, 2), "swatches": (swatches, 3), "heat_map": (heat_map, 3),
    "palette_picture": (palette_picture, 2),
    "shapes": (shapes, 3), "icons": (icons, 2),
}  # fmt: skip
"""Drawings of blocks and flat shapes, and how often each is drawn."""
