"""Paints `scene.png`: a still life on a window sill, by arithmetic alone.

It has what codecs stumble over: a smooth sky, foliage, brick, grained wood, shaded balls with sharp
highlights, hard edges and small print. Run `python tests/pictures/scene.py` to paint it anew.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 768, 512
SCALE = 2
"""Painted this much larger, then shrunk: smooth edges without thinking of them."""
PATH = Path(__file__).with_name("scene.png")

Y, X = np.mgrid[: HEIGHT * SCALE, : WIDTH * SCALE] / SCALE
SUN = np.array([-0.45, -0.62, 0.64])
TABLE = 352.0
WALL = 250.0
"""The brick wall ends here; right of it lies the open window."""


def paint() -> Image.Image:
    """The picture, RGB, 768 x 512."""
    canvas = window()
    canvas = np.where((X < WALL)[..., None], wall(), canvas)
    canvas = frame(canvas)
    canvas = np.where((Y > TABLE)[..., None], table(), canvas)
    for centre, radius in (((330, 374), 62), ((452, 404), 44), ((240, 421), 36)):
        canvas = shadow(canvas, centre, radius)
    canvas = ball(canvas, (330, 374), 62, stripes)
    canvas = ball(canvas, (452, 404), 44, plain((0.16, 0.42, 0.62)))
    canvas = ball(canvas, (240, 421), 36, orange)
    canvas = cube(canvas)
    canvas = books(canvas)
    image = Image.fromarray((canvas.clip(0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8))
    return lettering(image).resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def noise(step: float, seed: int, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise of the canvas's shape in 0..1, its knots `step` apart, across `stretch` times that."""
    rows, columns = int(HEIGHT / step) + 3, int(WIDTH / (step * stretch)) + 3
    knots = np.random.default_rng(seed).random((rows, columns))
    y, x = Y[:, 0] / step, X[0] / (step * stretch)
    row, column = y.astype(int), x.astype(int)
    v, u = (part * part * (3 - 2 * part) for part in (y - row, x - column))
    v, u = v[:, None], u[None]
    top = knots[row][:, column] * (1 - u) + knots[row][:, column + 1] * u
    below = knots[row + 1][:, column] * (1 - u) + knots[row + 1][:, column + 1] * u
    return top * (1 - v) + below * v


def octaves(step: float, seed: int, count: int, stretch: float = 1.0) -> np.ndarray:
    """Noise at `count` scales, each half as wide and half as strong as the last; 0..1."""
    layers = [noise(step / 2**i, seed + i, stretch) / 2**i for i in range(count)]
    return sum(layers) / sum(0.5**i for i in range(count))


def mix(low, high, amount: np.ndarray) -> np.ndarray:
    """From colour `low` to `high` as `amount` goes from 0 to 1."""
    amount = np.clip(amount, 0, 1)[..., None]
    return np.asarray(low) * (1 - amount) + np.asarray(high) * amount


def window() -> np.ndarray:
    """Sky, clouds, hills and a tree."""
    sky = mix((0.10, 0.30, 0.68), (0.72, 0.82, 0.90), (Y / 290) ** 1.3)
    glow = np.exp(-((X - 640) ** 2 + (Y - 215) ** 2) / 16000)
    sky = mix(sky, (1.0, 0.80, 0.50), 0.75 * glow)
    clouds = octaves(64, 11, 5, 2.6) * np.clip(1.25 - Y / 300, 0, 1)
    sky = mix(sky, (0.97, 0.95, 0.94), 3.4 * (clouds - 0.47))
    for i, (base, height, colour) in enumerate(
        ((248, 60, (0.30, 0.40, 0.52)), (280, 50, (0.16, 0.27, 0.27)), (306, 34, (0.10, 0.20, 0.09)))
    ):
        ridge = base + height * (0.5 - octaves(150, 30 + 9 * i, 5)[40 + 90 * i][None])
        grass = octaves(10, 60 + i, 3, 2.0) - 0.5
        hill = mix(
            np.asarray(colour) * 0.75, np.asarray(colour) * 1.6, 0.4 + 0.3 * i * grass + (Y - ridge) / 200
        )
        sky = mix(sky, hill, (Y - ridge) * 1.5)
    return tree(sky)


def tree(canvas: np.ndarray) -> np.ndarray:
    """A crown of leaves, lit from the left, with sky between them."""
    trunk = np.abs(X - 668 - 6 * np.sin(Y / 23)) - 7 - np.clip(Y - 250, 0, 99) / 14
    canvas = mix(canvas, (0.06, 0.035, 0.02), -trunk * (Y > 150))
    crown = np.full_like(X, -1.0)
    for x, y, r in (
        (668, 110, 68),
        (610, 158, 52),
        (722, 160, 58),
        (668, 178, 60),
        (632, 88, 40),
        (706, 84, 44),
    ):
        crown = np.maximum(crown, 1 - np.hypot(X - x, Y - y) / r)
    leaves = octaves(10, 80, 3)
    cover = np.clip(9 * (crown + 0.55 * (leaves - 0.56)), 0, 1) * np.clip(1 + 12 * crown, 0, 1)
    light = np.clip(1.9 * (octaves(6, 90, 3) - 0.33) + (640 - X) / 260 + (120 - Y) / 260, 0, 1)
    return mix(canvas, mix((0.02, 0.055, 0.015), (0.33, 0.46, 0.08), light), cover)


def wall() -> np.ndarray:
    """Bricks in running bond."""
    row = np.floor(Y / 22)
    across = X / 52 + 0.5 * (row % 2)
    edge = np.minimum(np.minimum(Y % 22, 22 - Y % 22), 52 * np.minimum(across % 1, 1 - across % 1))
    edge = edge - 1.4 * octaves(5, 20, 2)
    tone = np.sin(12.9898 * np.floor(across) + 78.233 * row) * 43758.5453 % 1
    grain = octaves(6, 21, 3)
    brick = mix((0.20, 0.055, 0.030), (0.47, 0.17, 0.095), 0.55 * tone + 0.8 * (grain - 0.28))
    bevel = np.clip((Y % 22 - 4) / 9, -0.5, 1)[..., None]
    wall = mix((0.42, 0.39, 0.34), brick * (1.08 - 0.16 * bevel), (edge - 1.0) * 1.3)
    return wall * (0.50 + 0.55 * np.clip(X / WALL, 0, 1) ** 1.5)[..., None]


def frame(canvas: np.ndarray) -> np.ndarray:
    """A white window frame with one bar."""
    bars = ((WALL, 18.0), (500.0, 5.0))
    for x, half in bars:
        inside = half - np.abs(X - x - half * (x == WALL))
        shade = 0.62 + 0.25 * np.cos((X - x) / half * 1.3) + 0.02 * octaves(30, 25, 2)
        canvas = mix(canvas, shade[..., None] * np.array([0.93, 0.91, 0.86]), inside * 2)
    sill = np.clip((Y - TABLE + 16) * 2, 0, 1) * (X > WALL)
    return mix(canvas, np.array([0.80, 0.78, 0.73]) * (0.75 + (Y - TABLE)[..., None] / 60), sill)


def table() -> np.ndarray:
    """Boards of wood running away from the eye, darker at the far end."""
    depth = (Y - TABLE + 90) / 250
    across = (X - 384) / np.clip(depth, 0.1, 9) / 170 + 40
    board = np.floor(across)
    rings = octaves(26, 40, 4, 5.0) * 3 + across * 2.2 + 1.7 * board
    grain = 0.5 + 0.5 * np.sin(2 * np.pi * (rings + 0.35 * octaves(5, 45, 2, 6.0)))
    tone = np.sin(4.7 * board) * 0.15
    wood = mix((0.19, 0.085, 0.035), (0.46, 0.25, 0.115), 0.25 + 0.5 * grain + tone)
    joint = np.minimum(across % 1, 1 - across % 1) * 170 * depth
    wood = wood * np.clip(0.35 + joint / 2.5, 0, 1)[..., None]
    sheen = np.exp(-(((X - 560) / 190) ** 2) - ((Y - TABLE) / 70) ** 2)
    lit = wood * (0.55 + 0.55 * np.clip((Y - TABLE) / 160, 0, 1))[..., None]
    return lit + 0.20 * sheen[..., None] * np.array([1.0, 0.93, 0.82])


def shadow(canvas: np.ndarray, centre: tuple[float, float], radius: float) -> np.ndarray:
    """A soft ellipse on the table, away from the light."""
    x, y = centre[0] + 0.55 * radius, centre[1] + 0.88 * radius
    away = np.hypot((X - x) / 1.5, (Y - y) / 0.34) / radius
    dark = 0.72 * np.clip(1.25 - away, 0, 1) ** 0.9 * (Y > TABLE)
    return canvas * (1 - dark)[..., None]


def ball(canvas: np.ndarray, centre: tuple[float, float], radius: float, surface) -> np.ndarray:
    """A lit ball whose colour at each normal is `surface(nx, ny, nz)`."""
    nx, ny = (X - centre[0]) / radius, (Y - centre[1]) / radius
    inside = np.clip((1 - np.hypot(nx, ny)) * radius, 0, 1)
    nz = np.sqrt(np.clip(1 - nx**2 - ny**2, 0, 1))
    colour, gloss, bump = surface(nx, ny, nz)
    diffuse = np.clip(nx * SUN[0] + ny * SUN[1] + nz * SUN[2] + bump, 0, 1)
    bounce = 0.16 * np.clip(ny, 0, 1)[..., None] * np.array([1.0, 0.6, 0.3])
    half = np.array([SUN[0], SUN[1], SUN[2] + 1]) / np.linalg.norm([SUN[0], SUN[1], SUN[2] + 1])
    shine = gloss * np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** 70
    rim = gloss * 0.22 * (1 - nz) ** 3
    lit = colour * (0.10 + 1.05 * diffuse[..., None] + bounce) + shine[..., None]
    return mix(canvas, lit + rim[..., None] * np.array([0.6, 0.8, 1.0]), inside)


def plain(colour: tuple[float, float, float]):
    """A glossy surface of one colour."""
    return lambda nx, ny, nz: (np.asarray(colour) + 0 * nx[..., None], 1.1, 0.0)


def stripes(nx, ny, nz):
    """A beach ball: six wedges about a tilted axis, with a white cap."""
    axis = np.array([0.25, -0.80, 0.545])
    along = nx * axis[0] + ny * axis[1] + nz * axis[2]
    side = np.cross(axis, [0.0, 0.0, 1.0])
    side = side / np.linalg.norm(side)
    other = np.cross(axis, side)
    angle = np.arctan2(
        nx * side[0] + ny * side[1] + nz * side[2], nx * other[0] + ny * other[1] + nz * other[2]
    )
    wedge = (np.floor((angle / np.pi + 1) * 3 + 0.2) % 6).astype(int)
    white = (0.86, 0.85, 0.82)
    wheel = np.array([(0.72, 0.05, 0.05), white, (0.90, 0.58, 0.04), white, (0.03, 0.30, 0.22), white])
    return mix(wheel[wedge], white, (along - 0.95) * 80), 0.9, 0.0


def orange(nx, ny, nz):
    """The skin of an orange: small pits, and the place of the stalk."""
    pits = octaves(3.2, 50, 2) - 0.5
    stalk = np.exp(-((nx - 0.18) ** 2 + (ny + 0.62) ** 2) / 0.010)
    return mix((0.86, 0.31, 0.015), (0.12, 0.16, 0.03), stalk), 0.45, 0.30 * pits - 0.4 * stalk


def polygon(points) -> np.ndarray:
    """1 inside the polygon of `points`, 0 outside."""
    mask = Image.new("L", (WIDTH * SCALE, HEIGHT * SCALE))
    ImageDraw.Draw(mask).polygon([(x * SCALE, y * SCALE) for x, y in points], fill=255)
    return np.asarray(mask) / 255.0


def blurred(mask: np.ndarray, radius: float) -> np.ndarray:
    """`mask` out of focus."""
    image = Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius * SCALE))
    return np.asarray(image) / 255.0


def cube(canvas: np.ndarray) -> np.ndarray:
    """A checked cube of painted wood, three faces in three lights."""
    a, b, c, d = (86, 392), (146, 412), (206, 390), (146, 372)
    drop = 74
    cast = polygon([(90, 462), (150, 490), (282, 470), (210, 440)])
    canvas = canvas * (1 - 0.62 * blurred(cast, 9) * (Y > TABLE))[..., None]
    left = [a, b, (b[0], b[1] + drop), (a[0] + 4, a[1] + drop - 4)]
    right = [b, c, (c[0] - 4, c[1] + drop - 4), (b[0], b[1] + drop)]
    grain = 0.06 * (octaves(4, 70, 2, 4.0) - 0.5)
    for points, light, start, span in ((left, 0.95, 86, 60), (right, 0.34, 146, 60)):
        u = (X - start) / span
        slant = a[1] + 20 * u if start == 86 else b[1] - 22 * u
        check = (np.floor(u * 4) + np.floor((Y - slant) / drop * 4)) % 2
        face = mix((0.06, 0.08, 0.13), (0.84, 0.78, 0.62), check)
        shade = light + grain + 0.12 * (b[1] + drop - Y) / drop
        canvas = mix(canvas, face * shade[..., None], polygon(points))
    top = mix((0.80, 0.24, 0.10), (0.92, 0.42, 0.18), (X - 86) / 120) * (1.05 + grain)[..., None]
    return mix(canvas, top, polygon([a, b, c, d]))


def books(canvas: np.ndarray) -> np.ndarray:
    """Three books lying on each other, spines to the front."""
    cast = polygon([(540, 470), (760, 470), (768, 488), (560, 494)])
    canvas = canvas * (1 - 0.7 * blurred(cast, 8))[..., None]
    cloth = 0.9 + 0.22 * (octaves(1.6, 95, 1) - 0.5)
    for left, right, top, bottom, colour in SPINES:
        rounded = np.cos((Y - (top + bottom) / 2) / (bottom - top) * 2.3)
        spine = np.asarray(colour) * (cloth * (0.35 + 0.75 * np.clip(rounded, 0, 1) ** 0.8))[..., None]
        gold = (np.abs(X - left - 16) < 1.5) | (np.abs(X - right + 16) < 1.5)
        spine = mix(spine, np.array([0.75, 0.55, 0.20]) * rounded[..., None], 0.9 * gold)
        canvas = mix(canvas, spine, polygon([(left, top), (right, top), (right, bottom), (left, bottom)]))
    return canvas


SPINES = (
    (536, 752, 446, 482, (0.30, 0.035, 0.045)),
    (552, 740, 414, 445, (0.030, 0.12, 0.10)),
    (544, 728, 388, 413, (0.09, 0.09, 0.22)),
)
TITLES = ("IMAGES AND THEIR BITS", "On the Rate of Beauty", "a small book of noise")


def lettering(image: Image.Image) -> Image.Image:
    """Titles on the books, a name on the wall, and small print on a note."""
    draw = ImageDraw.Draw(image)
    for (left, right, top, bottom, _), title, points in zip(SPINES, TITLES, (14, 15, 12), strict=True):
        middle = ((left + right) / 2 * SCALE, (top + bottom) / 2 * SCALE)
        draw.text(middle, title, (232, 205, 140), ImageFont.load_default(points * SCALE), anchor="mm")
    note = [(46, 96), (196, 88), (202, 232), (54, 240)]
    dark = blurred(polygon([(x + 5, y + 6) for x, y in note]), 4)
    values = np.asarray(image) * (1 - 0.55 * dark)[..., None]
    paper = (
        np.array([243, 238, 222]) - 14 * (octaves(40, 99, 3) - 0.3)[..., None] - (Y - 90)[..., None] * 0.10
    )
    image = Image.fromarray(mix(values, paper, polygon(note)).clip(0, 255).astype(np.uint8))
    return write_note(image)


def write_note(image: Image.Image) -> Image.Image:
    """The note's text, from large to small."""
    sheet = Image.new("L", image.size)
    draw = ImageDraw.Draw(sheet)
    draw.text((66 * SCALE, 104 * SCALE), "nic", 255, ImageFont.load_default(46 * SCALE))
    lines = (
        ("fewer bits, same picture", 10),
        ("0123456789  AaBbCcDdEe", 8.5),
        ("quality 2.0   realism 0.75", 8.5),
    )
    for i, (line, points) in enumerate(lines):
        draw.text((66 * SCALE, (166 + 16 * i) * SCALE), line, 255, ImageFont.load_default(points * SCALE))
    draw.line([(66 * SCALE, 158 * SCALE), (184 * SCALE, 158 * SCALE)], 255, SCALE)
    turned = sheet.rotate(3.1, Image.Resampling.BICUBIC, center=(46 * SCALE, 96 * SCALE))
    image.paste((38, 52, 96), mask=turned)
    draw = ImageDraw.Draw(image)
    x, y, r = 124 * SCALE, 94 * SCALE, 5 * SCALE
    draw.ellipse([x - r, y - r, x + r, y + r], (178, 30, 36))
    draw.ellipse([x - r * 0.6, y - r * 0.7, x, y - r * 0.1], (240, 150, 150))
    return image


if __name__ == "__main__":
    paint().save(PATH, optimize=True)
