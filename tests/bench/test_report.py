"""The report: complete, inert whatever the names are, self-contained, and working in a real browser."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from nic_cli.bench.curves import bd_rates, curves
from nic_cli.bench.plot import plot, safe
from nic_cli.bench.report import Quantity, Scene, Shown, render
from nic_cli.bench.rows import Curve, Row, Run
from nic_cli.bench.verdict import sentences

EVIL = "<img src=x onerror=alert(1)>"
NAMES = [
    EVIL,
    "</script><script>alert(2)</script>.png",
    '"onmouseover="alert(3)',
    "turn\u202egnp.exe",
    "lone\udcff\x00",
]
QUANTITIES = (
    Quantity("psnr", "PSNR", "dB", True),
    Quantity("ms-ssim", "MS-SSIM", "", True),
    Quantity("texture", "Texture", "", False),
)
# Base, gain for a doubling of the rate; made up, with an eye on what codecs really do.
CODECS = {
    "nic": (31.0, 0.08),
    "nic b0.8": (29.6, 0.1),
    "avif": (30.2, 0.12),
    "webp": (28.6, 0.3),
    "jpeg": (26.9, 0.5),
}
SETTINGS = (1, 1.7, 2.9, 5, 8, 13)
PICTURES = Path(__file__).parents[1] / "pictures"


def measured(names: list[str]) -> list[Row]:
    """Rows as plausible as arithmetic makes them."""
    rows = []
    for k, name in enumerate(names):
        sha = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        for curve, (base, start) in CODECS.items():
            for i, step in enumerate(SETTINGS):
                bpp = start * step * (1 + 0.07 * k)
                psnr = base + 1.9 * math.log2(bpp / 0.3) - 0.4 * k
                values = {
                    "psnr": psnr,
                    "ms-ssim": 1 - 10 ** (-psnr / 19),
                    "texture": math.exp(-psnr / 9) * 20 * (0.5 if curve.startswith("nic") else 1),
                }
                n_bytes = round(bpp * 768 * 512 / 8)
                rows.append(Row(name, sha, 768, 512, curve, f"q{i}", n_bytes, 0.1 + k / 100, 0.02, values))
    return rows


def run_of(folder: str = "kodak", **versions: str) -> Run:
    versions = {
        "nic": "0.9.0, model iris 3f2a91c0",
        "Pillow": "13.0.0, libavif 1.3.0, libwebp 1.6.0",
    } | versions
    metrics = tuple(q.name for q in QUANTITIES)
    return Run(
        folder, metrics, "avif", "CPU, Intel Xeon 2.1 GHz", 2, 1.734, versions, {"notes.txt": "not a picture"}
    )


def image(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "webp", lossless=True)
    return file.getvalue()


def coded(picture: Image.Image, name: str, quality: int) -> tuple[bytes, float]:
    """Through a codec of Pillow: the image that comes back, bits for each pixel."""
    file = io.BytesIO()
    picture.save(file, name, quality=quality)
    return image(Image.open(file).convert("RGB")), 8 * len(file.getvalue()) / (picture.width * picture.height)


def looked_at(names: list[str], size: int = 384) -> list[Scene]:
    """Cut-outs of the drawn scene, really coded, labelled as if by codecs of the rows."""
    whole = Image.open(PICTURES / "scene.png").convert("RGB")
    scenes = []
    for k, name in enumerate(names):
        picture = whole.crop((60 * k, 20 * k, 60 * k + size, 20 * k + size * 3 // 4))
        found = []
        for curve, kind, quality in (
            ("nic", "avif", 45),
            ("avif", "avif", 35),
            ("webp", "webp", 10),
            ("jpeg", "jpeg", 12),
        ):
            shown, bpp = coded(picture, kind, quality)
            found.append(Shown(curve, f"q{quality}", bpp, {"psnr": 31.25, "ms-ssim": 0.961}, shown))
        scenes.append(Scene(name, picture.width, picture.height, image(picture), tuple(found)))
    return scenes


def page(
    names: list[str], rows: list[Row] | None = None, published: tuple[Curve, ...] = (), **run: str
) -> str:
    rows = measured(names) if rows is None else rows
    found = curves(rows, [q.name for q in QUANTITIES])
    deltas = bd_rates(found, "avif", [q.name for q in QUANTITIES])
    told = {metric: {name: str(delta) for name, delta in table.items()} for metric, table in deltas.items()}
    verdict = sentences(found, rows, "avif", [q.name for q in QUANTITIES])
    return render(run_of(**run), rows, [*found, *published], QUANTITIES, looked_at(names[:3]), told, verdict)


def test_the_page_begins_with_who_wins_and_ends_with_what_time_it_takes():
    text = page(["a"])
    top = text[text.index('<div class="verdict">') : text.index("<section")]
    assert top.count("<p>") >= len(QUANTITIES) + 1
    assert re.search(r"PSNR: nic needs \d+\.\d % fewer bytes than AVIF at equal quality", top)
    assert "Seconds a megapixel: to encode nic" in top
    assert text.count("Encoding against bits per pixel, lower is better") == 2  # a drawing: label and title
    assert text.count("Decoding against bits per pixel, lower is better") == 2


def test_settings_of_a_codec_are_told_where_each_of_them_leads_and_each_has_its_speed():
    rows = [
        replace(each, variant="tune=iq,sub=420") if each.curve == "avif" else each for each in measured(["a"])
    ]
    rows += [
        replace(each, variant="tune=psnr,sub=444", metrics={n: v * 1.02 for n, v in each.metrics.items()})
        for each in measured(["a"])
        if each.curve == "avif"
    ]
    text = page(["a"], rows)
    assert "<bdi>avif</bdi>: tune psnr, 4:4:4 from" in text and "<bdi>avif tune psnr, 4:4:4</bdi>" in text
    assert (
        "AVIF (tune iq, 4:2:0)" in text and "at the best of its settings for this (tune psnr, 4:4:4)" in text
    )


class Parts(HTMLParser):
    """Tags with attributes, texts of style and script, cells of the table of rows."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.raw, self.rows, self.inside = [], {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append([dict(attrs).get("data-v"), ""])

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, attrs = self.inside[-1] if self.inside else ("", {})
        if tag in ("style", "script"):
            self.raw[tag, attrs.get("type")] = self.raw.get((tag, attrs.get("type")), "") + data
        elif self.rows and any(name in ("td", "th") for name, _ in self.inside):
            self.rows[-1][-1][1] += data


def table(parts: Parts) -> list[list[list[str]]]:
    """The lines of the table of every picture: those as wide as its heading."""
    return [row for row in parts.rows if len(row) == 8 + len(QUANTITIES)][1:]


@pytest.fixture(scope="module")
def hostile() -> str:
    rows = measured(NAMES)
    rows.append(Row(EVIL, "0" * 64, 768, 512, EVIL, EVIL, error=EVIL))
    published = Curve(EVIL + "p", {"psnr": ((0.1, 27.0), (0.4, 31.0))}, True, EVIL)
    return page(NAMES, rows, (published,), folder=EVIL, **{EVIL: EVIL})


def test_names_and_metadata_are_inert(hostile):
    parts = Parts(hostile)
    assert EVIL not in hostile and "<script>alert" not in hostile
    assert sorted(tag for tag, _ in parts.tags if tag == "script") == ["script", "script"]
    assert [attrs.get("id") for tag, attrs in parts.tags if tag == "img"] == ["under", "over"]
    assert not [name for _, attrs in parts.tags for name in attrs if name.startswith("on") or name == "style"]
    assert not {"alert(3)"} & {value for _, attrs in parts.tags for value in attrs.values()}
    hostile.encode("utf-8")  # no lone surrogate
    assert not re.search("[\x00-\x08\u202a-\u202e]", hostile)


def test_names_are_still_readable(hostile):
    scenes = json.loads(Parts(hostile).raw["script", "application/json"])["scenes"]
    assert [scene["picture"] for scene in scenes] == NAMES[:3]
    told = {row[0][1] for row in table(Parts(hostile))}
    assert told == {*NAMES[:3], "turn\\u202egnp.exe", "lone\\udcff\\u0000"}


def test_a_place_in_a_name_is_not_filled():
    text = page(["<!--rows-->.png", "b.png"], folder="<!--facts-->")
    assert safe("<!--rows-->.png") in text and text.count("How it was measured") == 1


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(hostile):
    parts = Parts(hostile)
    policy = next(a["content"] for t, a in parts.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("style", "script"):
        digest = hashlib.sha256(parts.raw[tag, None].encode()).digest()
        assert rules[f"{tag}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert "unsafe" not in policy and "http:" not in policy and "https:" not in policy


def test_nothing_points_outside(hostile):
    for _, attrs in Parts(hostile).tags:
        assert not {"href", "src", "action", "srcset"} & attrs.keys() or attrs["href"] == "data:,"


def test_every_measured_value_stands_in_the_table_of_pictures():
    names = ["a.png", "b.png"]
    rows = measured(names)
    lines = table(Parts(page(names, rows)))
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        assert [cell[1] for cell in line[:4]] == [row.picture, row.curve, row.setting, str(row.bytes)]
        exact = [float(cell[0]) for cell in line[4:-1]]
        assert exact == [
            row.bpp,
            *(row.metrics[q.name] for q in QUANTITIES),
            row.encode_seconds,
            row.decode_seconds,
        ]
        for value, cell in zip(exact, line[4:-1], strict=True):
            assert float(cell[1].replace("−", "-")) == pytest.approx(value, abs=0.006)


def test_failures_are_counted_and_told():
    rows = measured(["a.png", "b.png"])
    rows[40] = Row("b.png", rows[40].sha256, 768, 512, "avif", "q4", error="decoder died")
    text = page(["a.png", "b.png"], rows)
    assert "1 failure<" in text
    line = next(line for line in table(Parts(text)) if line[-1][1])
    assert [cell[1] for cell in line] == ["b.png", "avif", "q4", *[""] * 7, "decoder died"]


def test_curves_are_blank_beyond_their_ends():
    short = Curve("short", {"psnr": ((0.15, 28.0), (0.6, 34.0))})
    text = render(run_of(), [], [short], QUANTITIES, [], {})
    line = next(row for row in Parts(text).rows if row[0][1] == "short")
    middle = 28 + 6 * math.log(0.2 / 0.15) / math.log(4)
    cells = [cell[1] for cell in line]
    assert cells[1] == cells[5] == "" and float(cells[2]) == pytest.approx(middle, abs=0.01)


def test_a_reason_takes_the_place_of_a_bd_rate():
    both = [Curve(name, {"psnr": ((0.1, 28.0), (0.6, 34.0))}) for name in ("one", "other")]
    text = render(run_of(), [], both, QUANTITIES[:1], [], {"psnr": {"one": "-12.3 %", "other": "no overlap"}})
    assert ">−12.3 %<" in text and "No BD-rate of <bdi>other</bdi>: no overlap." in text


def test_published_curves_are_dashed_and_say_so():
    found = Curve("ELIC", {"psnr": ((0.1, 28.0), (0.6, 34.0))}, True, "a paper")
    drawn = plot(QUANTITIES[0], [found])
    assert 'stroke-dasharray="6 3"' in drawn and "ELIC, published, not measured here: a paper" in drawn
    assert "ELIC (published)" in drawn


def test_each_metric_says_its_values_and_what_it_is_blind_to():
    shown = Quantity("n", "N", "", False, 1.0, "from 0", f"place {EVIL}")
    text = render(run_of(), [], [Curve("c", {"n": ((0.1, 2.0), (0.5, 1.5))})], [shown], [], {})
    assert safe(f"Values: from 0. Blind to: place {EVIL}.") in text and EVIL not in text
    assert "Blind to" not in page(["a.png"])  # control: quantities that say nothing


def test_bd_rates_of_codecs_without_a_curve_stand_under_psnr_alone():
    both = [Curve("c", {q.name: ((0.1, 28.0), (0.6, 34.0)) for q in QUANTITIES})]
    text = render(run_of(), [], both, QUANTITIES, [], {}, notes=["Without a curve:", f"X -5 % ({EVIL})"])
    assert text.count("Without a curve:") == 1 and safe(f"X -5 % ({EVIL})") in text and EVIL not in text
    alone = render(run_of(), [], both, QUANTITIES[1:], [], {}, notes=["Without a curve:"])
    assert "Without a curve:" not in alone


@pytest.mark.parametrize(
    "points", [(), ((0.5, 31.0),), ((0.5, 31.0), (0.7, 31.0)), ((0.5, math.inf), (1, math.nan))]
)
def test_few_equal_or_infinite_points_are_drawn_as_far_as_they_go(points):
    drawn = plot(QUANTITIES[0], [Curve("c", {"psnr": points})])
    finite = [p for p in points if math.isfinite(p[1])]
    assert drawn.count("<circle") == len(finite) and "nan" not in drawn and "inf" not in drawn


def test_equal_images_are_embedded_once():
    scene = looked_at(["a.png"])[0]
    twice = Scene("b.png", scene.width, scene.height, scene.original, scene.shown)
    text = render(run_of(), measured(["a.png", "b.png"]), [], QUANTITIES, [scene, twice], {})
    for one in (scene.original, *(shown.image for shown in scene.shown)):
        assert text.count(base64.b64encode(one).decode()) == 1


def test_the_same_run_gives_the_same_page():
    assert page(["a.png"]) == page(["a.png"])


@pytest.fixture
def opened(browser, hostile, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(hostile, encoding="utf-8")
    browser.complaints(), browser.requests()  # of the test before
    browser.size(1280)
    browser.open(path)
    return browser


def cut(page) -> float:
    """How many pixels of the left picture are shown, from its computed clipping."""
    over = "document.getElementById('over')"
    clip = page.run(f"return getComputedStyle({over}).clipPath")
    width = page.run(f"return {over}.clientWidth")
    return width - page.run(
        "return (([all, percent, pixels]) => percent / 100 * arguments[1] - pixels)"
        "(arguments[0].match(/calc\\(([\\d.]+)% - ([\\d.]+)px\\)/))", clip, width
    )  # fmt: skip


def test_the_page_loads_without_a_complaint_or_a_request(opened):
    assert opened.run("return document.images.length && [...document.images].every(i => i.naturalWidth > 0)")
    assert opened.complaints() == []
    assert [url for url in opened.requests() if not url.startswith("file:")] == []


def test_a_browser_would_tell_of_a_request_and_of_a_complaint(opened):
    """The control: the two lists are not empty because nobody writes them."""
    opened.run("document.images[0].src = 'https://example.invalid/x.png'; console.error('here')")
    opened.run("return fetch('https://example.invalid/y').catch(() => 0)")
    told = " ".join(opened.complaints())
    assert "Content Security Policy" in told and "here" in told


def test_the_slider_cuts_the_left_picture(opened):
    assert cut(opened) == pytest.approx(192, abs=1)
    opened.run(
        "const divide = document.getElementById('divide');"
        "divide.value = 25; divide.dispatchEvent(new Event('input'))"
    )
    assert cut(opened) == pytest.approx(96, abs=1)


def test_arrows_move_the_slider_and_the_pictures(opened):
    from selenium.webdriver.common.keys import Keys

    opened.press("#divide", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert cut(opened) == pytest.approx(0.51 * 384, abs=1)
    opened.press("#view", *[Keys.ARROW_LEFT] * 3)
    assert cut(opened) == pytest.approx(0.45 * 384, abs=1)
    opened.press("#view", "2")
    assert opened.run("return document.getElementById('stage').clientWidth") == 768
    assert (
        opened.run("return getComputedStyle(document.getElementById('over')).imageRendering") == "pixelated"
    )


def test_pictures_and_sides_are_chosen_and_described(opened):
    alt = "return document.getElementById(arguments[0]).alt"
    assert opened.run(alt, "over").startswith(f"{EVIL}, nic q45, ")
    opened.press("#view", "n", "x")
    assert opened.run(alt, "over").startswith(f"{NAMES[1]}, avif q35, ")
    assert opened.run(alt, "under").startswith(f"{NAMES[1]}, nic q45, ") and " bpp" in opened.run(
        alt, "under"
    )
    assert re.search(r"The right file is \d+ % (larger|smaller)", opened.find("#told").text)


def test_a_heading_sorts_and_a_codec_filters(opened):
    column = (
        "return [...document.querySelectorAll('#rows tbody tr:not([hidden])')].map(r => r.cells[5].dataset.v)"
    )
    button = "#rows th:nth-child(6) button"
    for way in ("ascending", "descending"):
        opened.run("document.querySelector(arguments[0]).click()", button)
        values = opened.run(column)
        assert values[-1] is None  # the failed one stays last
        exact = [float(value) for value in values[:-1]]
        assert exact == sorted(exact, reverse=way == "descending")
        assert opened.find("#rows th:nth-child(6)").get_attribute("aria-sort") == way
    opened.run(
        "const c = document.getElementById('codec'); c.value = 'webp'; c.dispatchEvent(new Event('change'))"
    )
    assert len(opened.run(column)) == len(NAMES) * len(SETTINGS)


def test_a_legend_entry_lifts_its_curve(opened):
    opened.run("document.querySelector('.legend button').click()")
    lit = opened.run("return [...document.querySelectorAll('.lit')].map(part => part.dataset.curve)")
    assert set(lit) == {"0"} and opened.find(".legend button").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_the_page_does_not_scroll_sideways(opened, width):
    opened.size(width)
    assert opened.run("return document.documentElement.scrollWidth") <= width
