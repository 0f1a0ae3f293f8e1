"""Draw the pictures of the sample newspaper.

In: nothing. Out: the ten files of `digest/sample/pictures/`, 640×400, each at most 25 kB.

They are drawn here, so that the project owns them whole and needs no licence for a photograph. Each scene
is painted at twice the size and scaled down, which smooths its edges. Chance comes from a fixed seed: the
same Pillow makes the same bytes. Needs Pillow, which the service itself does not:

    pip install 'pillow>=12' && python scripts/sample_pictures.py    # in an environment of its own
"""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FOLDER = Path(__file__).resolve().parent.parent / "digest" / "sample" / "pictures"
SIZE = (1280, 800)
OUTPUT_SIZE = (640, 400)
MAX_BYTES = 25_000

Colour = tuple[int, int, int]
Canvas = tuple[Image.Image, ImageDraw.ImageDraw, random.Random]


def canvas(top: Colour, bottom: Colour, seed: int) -> Canvas:
    """Begin a scene with a sky that fades from `top` to `bottom`."""
    image = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(image)
    for y in range(SIZE[1]):
        part = y / SIZE[1]
        red, green, blue = (round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
        draw.line([(0, y), (SIZE[0], y)], fill=(red, green, blue))
    return image, draw, random.Random(seed)


def hills(scene: Canvas, base: int, height: int, colour: Colour) -> None:
    """Lay a row of rounded hills along the horizon at `base`."""
    _, draw, chance = scene
    for x in range(-200, SIZE[0] + 200, 180):
        rise = height + chance.randint(-height // 3, height // 3)
        draw.ellipse([x - 260, base - rise, x + 260, base + rise], fill=colour)
    draw.rectangle([0, base, *SIZE], fill=colour)


def glow(image: Image.Image, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """Lay soft light around a lamp."""
    mask = Image.new("L", SIZE, 0)
    x, y = centre
    ImageDraw.Draw(mask).ellipse([x - radius, y - radius, x + radius, y + radius], fill=150)
    image.paste(Image.new("RGB", SIZE, colour), (0, 0), mask.filter(ImageFilter.GaussianBlur(radius / 2)))


def house(scene: Canvas, x: int, y: int, width: int, roof: Colour) -> None:
    """Put a small house with its foot at (x, y)."""
    _, draw, chance = scene
    height = round(width * 0.7)
    wall = chance.choice([(247, 240, 226), (238, 226, 205), (250, 246, 238)])
    draw.rectangle([x, y - height, x + width, y], fill=wall)
    peak = y - height - width // 2
    draw.polygon([(x - 12, y - height), (x + width // 2, peak), (x + width + 12, y - height)], fill=roof)
    pane = width // 5
    for left in (x + pane // 2, x + width - pane - pane // 2):
        draw.rectangle([left, y - height + pane, left + pane, y - height + 2 * pane], fill=(108, 140, 160))
    draw.rectangle([x + 2 * pane, y - height // 2, x + 3 * pane, y], fill=(122, 86, 60))


def tree(scene: Canvas, x: int, y: int, size: int) -> None:
    """Put a round tree with its foot at (x, y)."""
    _, draw, chance = scene
    draw.rectangle([x - size // 12, y - size, x + size // 12, y], fill=(104, 76, 52))
    for _ in range(5):
        dx, dy = chance.randint(-size // 3, size // 3), chance.randint(-size // 4, size // 4)
        green = (70 + chance.randint(0, 30), 128 + chance.randint(0, 30), 82)
        radius = size // 3
        middle = (x + dx, y - size + dy)
        box = [middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius]
        draw.ellipse(box, fill=green)


def town() -> Image.Image:
    """A hillside of coloured roofs."""
    scene = canvas((150, 196, 228), (240, 238, 220), 1)
    hills(scene, 420, 190, (150, 180, 160))
    hills(scene, 560, 170, (122, 164, 118))
    roofs: list[Colour] = [(190, 84, 66), (74, 112, 150), (206, 148, 72), (110, 130, 96), (150, 90, 110)]
    chance = scene[2]
    for row, y in enumerate((500, 585, 680, 790)):
        for x in range(-40 + 50 * (row % 2), SIZE[0], 150 + row * 14):
            if chance.random() < 0.22:
                tree(scene, x + 50, y, 70 + row * 12)
            else:
                house(scene, x + chance.randint(-8, 8), y, 84 + row * 14, chance.choice(roofs))
    return scene[0]


def bridge() -> Image.Image:
    """An arched bridge over a river at dusk."""
    scene = canvas((92, 104, 158), (250, 190, 130), 2)
    image, draw, chance = scene
    glow(image, (930, 400), 130, (255, 236, 190))
    hills(scene, 470, 110, (92, 92, 124))
    draw.rectangle([0, 490, *SIZE], fill=(104, 120, 158))
    for _ in range(150):
        x, y = chance.randint(0, SIZE[0]), chance.randint(500, SIZE[1])
        draw.line([(x, y), (x + chance.randint(30, 120), y)], fill=(214, 172, 150), width=3)
    for x in range(-60, SIZE[0], 330):
        draw.arc([x, 300, x + 330, 660], 180, 360, fill=(52, 56, 84), width=16)
        draw.rectangle([x - 16, 440, x + 16, 640], fill=(52, 56, 84))
        for cable in range(x + 41, x + 300, 41):
            draw.line([(cable, 340), (cable, 440)], fill=(66, 70, 100), width=4)
    draw.rectangle([0, 420, SIZE[0], 452], fill=(44, 48, 72))
    for x in range(30, SIZE[0], 160):
        draw.line([(x, 420), (x, 350)], fill=(44, 48, 72), width=5)
        glow(image, (x, 346), 16, (255, 226, 160))
    return image


def solar() -> Image.Image:
    """Rows of solar panels on a flat roof."""
    scene = canvas((96, 166, 222), (224, 240, 248), 3)
    image, draw, _ = scene
    glow(image, (1060, 130), 90, (255, 248, 214))
    hills(scene, 400, 90, (138, 168, 150))
    for x, top in ((40, 300), (190, 250), (900, 270), (1090, 310)):
        draw.rectangle([x, top, x + 120, 440], fill=(206, 208, 210))
        for y in range(top + 20, 420, 34):
            draw.rectangle([x + 16, y, x + 104, y + 14], fill=(150, 168, 180))
    draw.rectangle([0, 420, *SIZE], fill=(196, 192, 184))
    for row, y in enumerate((470, 570, 690)):
        height, width = 66 + row * 16, 230 + row * 30
        for x in range(-60 + row * 20, SIZE[0], width + 30):
            corners = [(x + 50, y), (x + width, y), (x + width - 50, y + height), (x, y + height)]
            draw.polygon(corners, fill=(38, 66, 118), outline=(222, 228, 236), width=4)
            for part in (0.25, 0.5, 0.75):
                left = x + 50 + (width - 50) * part
                draw.line([(left, y), (left - 50, y + height)], fill=(110, 142, 190), width=3)
            middle = y + height // 2
            draw.line([(x + 25, middle), (x + width - 25, middle)], fill=(110, 142, 190), width=3)
    return image


def council() -> Image.Image:
    """A council chamber: a rostrum and seats in half circles."""
    scene = canvas((120, 84, 58), (158, 116, 82), 4)
    image, draw, _ = scene
    for x in range(0, SIZE[0], 80):
        draw.line([(x, 0), (x, 420)], fill=(104, 72, 48), width=4)
    draw.rectangle([0, 420, *SIZE], fill=(150, 52, 52))
    draw.ellipse([560, 60, 720, 220], fill=(236, 214, 160), outline=(196, 164, 96), width=10)
    draw.ellipse([602, 102, 678, 178], fill=(90, 130, 168))
    draw.rectangle([430, 270, 850, 400], fill=(86, 56, 36))
    draw.rectangle([410, 255, 870, 280], fill=(196, 158, 110))
    draw.rectangle([560, 330, 720, 460], fill=(116, 78, 50))
    for x in (490, 640, 790):
        draw.ellipse([x - 22, 190, x + 22, 234], fill=(236, 206, 180))
        draw.rectangle([x - 34, 232, x + 34, 258], fill=(48, 54, 70))
    for row, (y, count) in enumerate(((520, 6), (630, 7), (755, 8))):
        size = 44 + row * 10
        for seat in range(count):
            x = SIZE[0] * (seat + 0.5) / count
            lift = abs(x - 640) / 640 * 50
            top = y - lift
            head = (60, 46, 40) if (seat + row) % 3 else (104, 96, 92)
            draw.ellipse([x - size / 2, top - size * 1.1, x + size / 2, top - size * 0.1], fill=head)
            shoulders = [x - size * 0.9, top - size * 0.2, x + size * 0.9, top + size * 1.2]
            draw.rounded_rectangle(shoulders, radius=20, fill=(50, 60, 84) if seat % 2 else (84, 90, 104))
            draw.rectangle([x - 70, top + size * 0.8, x + 70, top + size * 1.5], fill=(196, 158, 110))
    return image


def library() -> Image.Image:
    """A library at night with light in its windows."""
    scene = canvas((16, 22, 54), (70, 78, 120), 5)
    image, draw, chance = scene
    for _ in range(70):
        x, y = chance.randint(0, SIZE[0]), chance.randint(0, 300)
        draw.ellipse([x, y, x + 4, y + 4], fill=(220, 224, 240))
    draw.ellipse([1050, 80, 1130, 160], fill=(250, 240, 206))
    draw.rectangle([0, 660, *SIZE], fill=(34, 38, 60))
    glow(image, (640, 640), 260, (190, 150, 90))
    draw.rectangle([240, 220, 1040, 680], fill=(90, 78, 84))
    draw.rectangle([220, 196, 1060, 228], fill=(62, 54, 62))
    for y in (256, 356, 456, 556):
        for x in range(272, 1010, 96):
            lit = chance.random() < 0.86
            draw.rectangle([x, y, x + 68, y + 72], fill=(255, 214, 130) if lit else (58, 62, 84))
            if lit:
                for shelf in (24, 48):
                    draw.line([(x, y + shelf), (x + 68, y + shelf)], fill=(186, 134, 72), width=6)
    draw.rectangle([560, 556, 720, 680], fill=(255, 232, 176))
    draw.line([(640, 556), (640, 680)], fill=(90, 78, 84), width=8)
    for x in (90, 1190):
        tree(scene, x, 690, 210)
    return image


def books() -> Image.Image:
    """Coloured books on wooden shelves."""
    scene = canvas((214, 186, 148), (190, 156, 116), 6)
    image, draw, chance = scene
    colours: list[Colour] = [(178, 70, 62), (66, 106, 148), (220, 168, 80), (92, 132, 98), (120, 88, 130)]
    for floor in (370, 760):
        x = 30
        while x < SIZE[0] - 70:
            width, height = chance.randint(34, 72), chance.randint(220, 300)
            spine = chance.choice(colours)
            draw.rectangle([x, floor - height, x + width, floor], fill=spine)
            band = floor - height + 36
            draw.rectangle([x, band, x + width, band + 14], fill=(246, 236, 214))
            draw.rectangle([x + 8, floor - 60, x + width - 8, floor - 34], fill=(246, 236, 214))
            draw.line([(x, floor - height), (x, floor)], fill=(60, 44, 36), width=3)
            x += width + (chance.randint(30, 70) if chance.random() < 0.12 else 2)
        draw.rectangle([0, floor, SIZE[0], floor + 34], fill=(126, 86, 52))
        draw.rectangle([0, floor + 26, SIZE[0], floor + 40], fill=(98, 64, 38))
    return image


def bakery() -> Image.Image:
    """A bakery with a striped awning and bread in the window."""
    scene = canvas((226, 214, 196), (206, 188, 166), 7)
    image, draw, _ = scene
    for y in range(0, 680, 40):
        for x in range(-80 + (y // 40 % 2) * 40, SIZE[0], 80):
            draw.rectangle([x, y, x + 78, y + 38], outline=(188, 160, 136), width=2)
    draw.rectangle([0, 680, *SIZE], fill=(150, 146, 142))
    draw.rectangle([150, 180, 1130, 690], fill=(112, 74, 50))
    draw.rectangle([190, 330, 790, 620], fill=(255, 238, 200))
    draw.rectangle([850, 330, 1080, 690], fill=(150, 104, 70))
    draw.rectangle([880, 360, 1050, 560], fill=(216, 232, 236))
    draw.ellipse([862, 590, 884, 612], fill=(230, 196, 110))
    for number, x in enumerate(range(120, 1160, 80)):
        colour = (206, 84, 70) if number % 2 else (250, 244, 234)
        draw.polygon([(x + 20, 200), (x + 92, 200), (x + 80, 310), (x, 310)], fill=colour)
        draw.pieslice([x, 280, x + 80, 340], 0, 180, fill=colour)
    for shelf, y in enumerate((450, 590)):
        draw.rectangle([200, y, 780, y + 14], fill=(160, 112, 70))
        for number, x in enumerate(range(220, 740, 92)):
            crust = (206, 146, 78) if (number + shelf) % 2 else (184, 116, 58)
            draw.ellipse([x, y - 58, x + 78, y + 4], fill=crust)
            draw.arc([x + 14, y - 48, x + 64, y - 6], 200, 340, fill=(240, 204, 146), width=6)
    return image


def market() -> Image.Image:
    """A market lane before dawn, its lamps lit."""
    scene = canvas((26, 36, 76), (96, 104, 146), 8)
    image, draw, chance = scene
    draw.polygon([(480, 420), (800, 420), (1280, 800), (0, 800)], fill=(74, 74, 92))
    tops: list[Colour] = [(176, 70, 62), (60, 110, 130), (190, 140, 66), (86, 120, 84)]
    for step, (near, far) in enumerate(((0, 200), (190, 330), (320, 420), (410, 480))):
        top, foot = 170 + step * 62, 760 - step * 92
        for mirrored in (False, True):
            left, right = (SIZE[0] - far, SIZE[0] - near) if mirrored else (near, far)
            draw.rectangle([left, top, right, foot], fill=(48, 44, 58))
            roof = tops[(step + 2 * mirrored) % 4]
            draw.polygon([(left, top), (right, top), (right + 24, top + 60), (left - 24, top + 60)], fill=roof)
            table = foot - (foot - top) // 3
            draw.rectangle([left - 6, table, right + 6, foot], fill=(118, 84, 58))
            for x in range(left, right - 20, 34 - step * 4):
                fruit = chance.choice([(214, 96, 60), (226, 188, 84), (110, 160, 84), (224, 220, 206)])
                draw.ellipse([x, table - 24, x + 30 - step * 3, table + 4], fill=fruit)
            glow(image, ((left + right) // 2, top + 96), 60 - step * 9, (255, 220, 140))
    glow(image, (640, 410), 50, (240, 200, 150))
    for x, y, size in ((560, 560, 70), (730, 500, 46), (650, 450, 30)):
        draw.ellipse([x - size / 4, y - size * 1.6, x + size / 4, y - size * 1.1], fill=(34, 32, 44))
        body = [x - size / 3, y - size * 1.1, x + size / 3, y + size * 0.4]
        draw.rounded_rectangle(body, radius=10, fill=(34, 32, 44))
    return image


def station() -> Image.Image:
    """An old station house beside rusty rails."""
    scene = canvas((172, 206, 226), (246, 236, 214), 9)
    image, draw, chance = scene
    hills(scene, 430, 150, (146, 172, 158))
    draw.rectangle([0, 480, *SIZE], fill=(170, 168, 120))
    for x in (120, 1120, 1210):
        tree(scene, x, 530, 170)
    draw.rectangle([330, 330, 930, 540], fill=(240, 228, 202))
    draw.polygon([(290, 340), (400, 220), (860, 220), (970, 340)], fill=(176, 76, 58))
    draw.polygon([(540, 340), (630, 190), (720, 340)], fill=(150, 62, 48))
    draw.ellipse([606, 256, 654, 304], fill=(250, 246, 236), outline=(70, 60, 54), width=5)
    draw.line([(630, 264), (630, 280), (642, 286)], fill=(70, 60, 54), width=4)
    for x in (380, 470, 740, 830):
        draw.rectangle([x, 390, x + 60, 460], fill=(116, 150, 164), outline=(120, 88, 62), width=6)
    draw.rectangle([590, 400, 670, 540], fill=(120, 82, 56))
    draw.rectangle([200, 536, 1080, 566], fill=(186, 180, 170))
    draw.polygon([(0, 620), (SIZE[0], 580), (SIZE[0], 760), (0, 800)], fill=(150, 138, 124))
    for x in range(-20, SIZE[0], 52):
        draw.line([(x, 640 - x // 32), (x + 46, 790 - x // 32)], fill=(92, 66, 48), width=13)
    for offset in (660, 756):
        draw.line([(0, offset), (SIZE[0], offset - 40)], fill=(140, 90, 64), width=9)
    for _ in range(60):
        x, y = chance.randint(0, SIZE[0]), chance.randint(570, 610)
        petal = chance.choice([(236, 200, 90), (240, 240, 230), (206, 110, 120)])
        draw.ellipse([x, y, x + 10, y + 10], fill=petal)
    return image


def voucher() -> Image.Image:
    """A bar chart of seven months."""
    image = Image.new("RGB", SIZE, (250, 248, 242))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=44)
    for amount in (10, 20, 30, 40):
        y = 700 - amount * 14
        draw.line([(110, y), (1220, y)], fill=(216, 212, 202), width=3)
        draw.text((90, y), str(amount), font=font, fill=(120, 116, 108), anchor="rm")
    for number, amount in enumerate((22, 25, 27, 31, 34, 38, 41)):
        x, y = 150 + number * 153, 700 - amount * 14
        fill = (196, 84, 64) if number == 6 else (74, 118, 152)
        draw.rectangle([x, y, x + 100, 700], fill=fill)
        draw.text((x + 50, y - 12), str(amount), font=font, fill=(50, 48, 44), anchor="mb")
    draw.line([(110, 700), (1220, 700)], fill=(80, 76, 70), width=6)
    return image


PHOTOGRAPHS = (town, bridge, solar, council, library, books, bakery, market, station)
CHARTS = (voucher,)


def save(image: Image.Image, path: Path) -> int:
    """Write the picture at its final size and return its bytes; raises `SystemExit` when it is too big."""
    small = image.resize(OUTPUT_SIZE, Image.Resampling.LANCZOS)
    if path.suffix == ".png":
        small.quantize(64).save(path, optimize=True)
    else:
        small.save(path, quality=64, optimize=True, progressive=True)
    size_bytes = path.stat().st_size
    if size_bytes > MAX_BYTES:
        raise SystemExit(f"{path.name} has {size_bytes} bytes, more than {MAX_BYTES}. Lower its quality.")
    return size_bytes


def main() -> None:
    """Draw every scene into the folder of the sample."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = {f"{scene.__name__}.jpg": scene for scene in PHOTOGRAPHS}
    names |= {f"{scene.__name__}.png": scene for scene in CHARTS}
    for name, scene in names.items():
        print(f"{name:14} {save(scene(), FOLDER / name):6} bytes")


if __name__ == "__main__":
    main()
