"""Text of several scripts from 6 to 14 pixels, and what computers show: terminals, tables, windows, icons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .canvas import FINE, Colour, canvas, colour, fine_canvas, font, ink, own_font, paper, reduced

SMALLEST, LARGEST = 6, 14

LATIN = (
    "the river bends below an old mill where few people walk now, Größe naïve façade señor Łódź Kraków smørbrød "
    "žluťoučký kůň İstanbul quay 1987 (see p. 42); rock & roll Æsop “fables” vary: İyi jünger Ångström "
    "3.14159 Fig. 7 waltz nymph"
)
PLAIN = (
    "river bends below an old mill where few people walk now quay 1987 (see p. 42); rock & roll Fig. 7 waltz nymph "
    "File Edit View Open Save as... Cancel Print 50% Total Average Harbour North Street Lake Station 3.14159 No. 12-B"
)
"""For Pillow's own font, which has no accents."""
CYRILLIC = (
    "река тихо течёт мимо старой мельницы, где теперь редко бывают люди; Жёлтый щенок съел объявление (стр. 42) в "
    "Киеві їжак ґанок Љубљана џеп ѓаволски быў эхо шум цифра вьюга подъезд"
)
GREEK = (
    "το ποτάμι κυλά ήσυχα κοντά στον παλιό μύλο, όπου λίγοι περνούν πια· Ξεσκεπάζω την ψυχοφθόρα βδελυγμία (σελ. 42) "
    "Ἀθῆναι ᾠδή ὕδωρ φῶς ῥόδον Ωκεανός"
)
CJK = (
    "河水静静流过老磨坊旁边如今很少有人来往龍鳳書畫藝術飛機鐵路體驗鬱鬯籲黌爨國語圖書館電腦網路資訊。「春は曙」山際すこし明かりて紫だちたる雲の"
    "カタカナとひらがな漢字交じり文テスト。한국어 문장은 이렇게 적습니다 훈민정음 꿻쐘뷁『第四十二頁』"
)
ARABIC = (
    "يجري النهر بهدوء قرب الطاحونة القديمة حيث لا يمشي إلا القليل من الناس الآن، صفحة ٤٢ كتاب مُحَمَّد الضوء والظل "
    "پژوهش گچ چراغ ہے ٹیلی فون قلم مدرسة"
)
DEVANAGARI = (
    "नदी पुरानी चक्की के पास शांति से बहती है जहाँ अब कम लोग चलते हैं। पृष्ठ ४२ क्षत्रिय ज्ञान श्रृंखला विद्यार्थी द्वंद्व कृष्ण त्र्यंबक स्वच्छ"
)


def phrase(random: np.random.Generator, words: Sequence[str], count: int, gap: str = " ") -> str:
    """Put words together as they come."""
    return gap.join(words[index] for index in random.integers(0, len(words), count))


def _page(
    random: np.random.Generator,
    side: int,
    fonts: Sequence[str],
    words: Sequence[str],
    *,
    gap: str = " ",
    rightwards: bool = True,
) -> Image.Image:
    """Fill a page with paragraphs of every size, dark on light and the other way round, one in four in colour."""
    image, draw = canvas(side, paper(random))
    y, number = 0, 0
    while y < side:
        size = SMALLEST + number % (LARGEST - SMALLEST + 1)
        face = font(fonts[int(random.integers(len(fonts)))], size)
        height = round(1.45 * size)
        back, front = paper(random), ink(random) if random.random() < 0.75 else colour(random, 0, 150)
        if random.random() < 0.3:
            back, front = front, back
        lines = int(random.integers(1, 4))
        draw.rectangle((0, y, side, y + lines * height + 1), back)
        for line in range(lines):
            written = phrase(random, words, side // (2 * size), gap)
            x, anchor = (3, "la") if rightwards else (side - 3, "ra")
            draw.text((x, y + line * height + 1), written, front, face, anchor)
        y += lines * height + 2
        number += 1
    return image


def text_latin(random: np.random.Generator, side: int) -> Image.Image:
    """Latin letters with accents, with serifs and without."""
    return _page(random, side, ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf"), LATIN.split())


def text_cyrillic(random: np.random.Generator, side: int) -> Image.Image:
    """Cyrillic letters."""
    return _page(random, side, ("DejaVuSans.ttf", "DejaVuSerif.ttf"), CYRILLIC.split())


def text_greek(random: np.random.Generator, side: int) -> Image.Image:
    """Greek letters, some with breathings."""
    return _page(random, side, ("DejaVuSans.ttf", "DejaVuSerif.ttf"), GREEK.split())


def text_cjk(random: np.random.Generator, side: int) -> Image.Image:
    """Chinese, Japanese and Korean."""
    return _page(random, side, ("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Regular.ttc"), CJK, gap="")


def text_arabic(random: np.random.Generator, side: int) -> Image.Image:
    """Arabic, Persian and Urdu, from the right."""
    fonts = ("NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf")
    return _page(random, side, fonts, ARABIC.split(), rightwards=False)


def text_devanagari(random: np.random.Generator, side: int) -> Image.Image:
    """Hindi."""
    return _page(random, side, ("NotoSansDevanagari-Regular.ttf",), DEVANAGARI.split())


def text_unsmoothed(random: np.random.Generator, side: int) -> Image.Image:
    """Letters of one colour each, as old screens and fax machines have them."""
    image, draw = canvas(side, paper(random))
    draw.fontmode = "1"
    for number, y in enumerate(range(2, side, 15)):
        face = font(("DejaVuSans.ttf", "DejaVuSansMono.ttf")[number % 2], 8 + number % 6)
        draw.text((3, y), phrase(random, LATIN.split(), 20), ink(random), face)
    return image


def text_subpixel(random: np.random.Generator, side: int) -> Image.Image:
    """Letters with coloured fringes: red, green and blue are each a third of a pixel apart, as on flat screens."""
    wide = Image.new("L", (3 * side + 2, side), 255)
    draw = ImageDraw.Draw(wide)
    for number, y in enumerate(range(2, side, 17)):
        size = 9 + number % 5
        row = Image.new("L", (3 * side, 3 * (size + 4)), 255)
        face = font("DejaVuSans.ttf", 3 * size)
        ImageDraw.Draw(row).text((6, 0), phrase(random, LATIN.split(), 20), 0, face)
        wide.paste(row.resize((3 * side, size + 4), Image.Resampling.BOX), (0, y))
    draw.rectangle((3 * side, 0, 3 * side + 2, side), 255)
    levels = np.array(wide).astype(np.float64)
    soft = (levels[:, :-2] + levels[:, 1:-1] + levels[:, 2:]) / 3  # the filter that keeps the fringes mild
    return Image.fromarray(np.rint(soft.reshape(side, side, 3)).astype(np.uint8))


def terminal(random: np.random.Generator, side: int) -> Image.Image:
    """A dark terminal: a listing in colours, and gauges in a frame."""
    image, draw = canvas(side, (0, 0, 0))
    face = font("DejaVuSansMono.ttf", 10)
    colours = [(204, 204, 204), (78, 154, 6), (114, 159, 207), (239, 41, 41), (252, 233, 79), (6, 152, 154)]
    columns = side // 6
    draw.text((0, 0), "┌" + "─" * (columns - 2) + "┐", colours[0], face)
    for row in range(1, 6):
        filled = int(random.integers(0, 30))
        draw.text((0, 12 * row), "│", colours[0], face)
        draw.text((12, 12 * row), f"{row} [" + "|" * filled, colours[row], face)
        draw.text((225, 12 * row), f"{filled / 0.3:5.1f}%]", colours[0], face)
        draw.text((6 * columns - 6, 12 * row), "│", colours[0], face)
    draw.text((0, 72), "└" + "─" * (columns - 2) + "┘", colours[0], face)
    for y in range(84, side, 12):
        size, day = int(random.integers(100, 999999)), int(random.integers(1, 29))
        draw.text((0, y), f"-rw-r--r-- 1 root {size:>7} Mar {day:>2} 12:{day + 20}", colours[0], face)
        draw.text((246, y), phrase(random, LATIN.split(), 2, "_"), colours[int(random.integers(len(colours)))], face)
    draw.rectangle((0, side - 12, 5, side - 2), colours[0])
    return image


def spreadsheet(random: np.random.Generator, side: int) -> Image.Image:
    """Columns of small numbers between thin lines."""
    image, draw = canvas(side)
    wide, high = 52, 14
    for row, y in enumerate(range(0, side, high)):
        for column, x in enumerate(range(0, side, wide)):
            head = row == 0 or column == 0
            if head or random.random() < 0.12:
                draw.rectangle((x, y, x + wide, y + high), (230, 230, 230) if head else colour(random, 190, 255))
            value = random.normal(0, 3000)
            told = f"R{row}" if column == 0 else chr(64 + column) if row == 0 else f"{value:,.2f}"
            shade = (160, 0, 0) if value < 0 and not head else (20, 20, 20)
            draw.text((x + wide - 3, y + 2), told, shade, own_font(9), "ra")
            draw.rectangle((x, y, x + wide, y + high), outline=(208, 208, 208))
    draw.rectangle((2 * wide, 5 * high, 3 * wide, 6 * high), outline=(33, 115, 70), width=2)
    return image


def interface(random: np.random.Generator, side: int) -> Image.Image:
    """Windows that overlap, with buttons, boxes to tick, fields, sliders and tabs."""
    image, draw = canvas(side, colour(random, 40, 130))
    for _ in range(9):
        x, y = (int(v) for v in random.integers(-20, side - 100, 2))
        wide, high = (int(v) for v in random.integers(130, 200, 2))
        dark = random.random() < 0.4
        back, front = ((45, 45, 48), (220, 220, 220)) if dark else ((240, 240, 240), (20, 20, 20))
        draw.rectangle((x, y, x + wide, y + high), back, (100, 100, 100))
        draw.rectangle((x + 1, y + 1, x + wide - 1, y + 17), colour(random, 30, 140))
        draw.text((x + 6, y + 4), phrase(random, PLAIN.split(), 2), (255, 255, 255), own_font(10))
        for corner in (16, 32, 48):
            draw.rectangle((x + wide - corner, y + 5, x + wide - corner + 8, y + 13), outline=(255, 255, 255))
        for number, top in enumerate(range(y + 24, y + high - 20, 18)):
            _control(draw, number % 5, (x + 8, top, wide - 60), (back, front), phrase(random, PLAIN.split(), 1))
    return image


def _control(
    draw: ImageDraw.ImageDraw, sort: int, place: tuple[int, int, int], colours: tuple[Colour, Colour], word: str
) -> None:
    """Draw one; `place` is left, top and width."""
    (x, y, wide), (back, front) = place, colours
    accent = (0, 120, 212)
    if sort == 0:  # a box to tick
        draw.rectangle((x, y + 1, x + 10, y + 11), (255, 255, 255), front)
        draw.line((x + 2, y + 6, x + 4, y + 9, x + 9, y + 3), accent, 2)
        draw.text((x + 16, y + 1), word, front, own_font(10))
    elif sort == 1:  # a button with a raised edge
        draw.rectangle((x, y, x + 64, y + 14), back, (130, 130, 130))
        draw.line((x + 1, y + 13, x + 1, y + 1, x + 63, y + 1), (250, 250, 250))
        draw.text((x + 32, y + 7), word, front, own_font(10), "mm")
    elif sort == 2:  # a field
        draw.rectangle((x, y, x + wide, y + 14), (255, 255, 255), accent)
        draw.text((x + 4, y + 2), word, (0, 0, 0), own_font(10))
        draw.line((x + 60, y + 2, x + 60, y + 12), (0, 0, 0))
    elif sort == 3:  # a slider
        draw.line((x, y + 7, x + wide, y + 7), (150, 150, 150), 2)
        draw.ellipse((x + wide // 3, y + 2, x + wide // 3 + 10, y + 12), accent)
    else:  # progress
        draw.rectangle((x, y + 3, x + wide, y + 10), (200, 200, 200))
        draw.rectangle((x, y + 3, x + wide // 2, y + 10), (6, 176, 37))


def icons(random: np.random.Generator, side: int) -> Image.Image:
    """Icons of 16 and 24 pixels in rows, on light and on dark."""
    image, draw = fine_canvas(side, (246, 246, 248))
    draw.rectangle((0, FINE * side // 2, FINE * side, FINE * side), (32, 33, 36))
    for row, y in enumerate(range(6, side - 24, 30)):
        box = 16 if row % 2 else 24
        for x in range(6, side - 24, box + 8):
            bright = y < side // 2
            _icon(
                draw,
                int(random.integers(6)),
                (FINE * x, FINE * y, FINE * box // 16),
                colour(random, 0, 160) if bright else colour(random, 120, 255),
            )
    return reduced(image)


def _icon(draw: ImageDraw.ImageDraw, sort: int, place: tuple[int, int, int], shade: Colour) -> None:
    """Draw one on a grid of 16; `place` is left, top and the size of a cell."""
    left, top, cell = place

    def at(*numbers: float) -> list[float]:
        return [cell * number + (top if index % 2 else left) for index, number in enumerate(numbers)]

    if sort == 0:  # folder
        draw.polygon(at(1, 3, 6, 3, 8, 5, 15, 5, 15, 13, 1, 13), shade)
    elif sort == 1:  # lens
        draw.ellipse(at(1, 1, 11, 11), outline=shade, width=2 * cell)
        draw.line(at(10, 10, 15, 15), shade, 2 * cell)
    elif sort == 2:  # list
        for y in (2, 6, 10, 14):
            draw.rectangle(at(1, y, 2, y + 1), shade)
            draw.rectangle(at(5, y, 15, y + 1), shade)
    elif sort == 3:  # gear
        draw.regular_polygon((*at(8, 8), 7 * cell), 8, fill=shade)
        draw.ellipse(at(5.5, 5.5, 10.5, 10.5), (246, 246, 248))
    elif sort == 4:  # arrow
        draw.polygon(at(8, 1, 15, 8, 11, 8, 11, 15, 5, 15, 5, 8, 1, 8), shade)
    else:  # letter
        draw.rectangle(at(1, 3, 15, 13), outline=shade, width=cell)
        draw.line(at(1, 3, 8, 9, 15, 3), shade, cell)
