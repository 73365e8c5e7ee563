"""The page in a real browser: what it shows, that all of it works by keys, and that it asks nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from nic_cli.view.shelf import Exhibit
from tests.bench.browser import until
from tests.cli.conftest import damaged

EVIL = "<img src=x onerror=alert(1)>.nic"
SOURCE = "return document.querySelector('#nic .base').src"
READY = (
    "return document.querySelector('#view').getAttribute('aria-busy') === 'false' "
    "&& !document.querySelector('#b').disabled"
)


@pytest.fixture
def open_page(browser, serve):
    """Open a page over these files."""

    def opened(*exhibits: Exhibit):
        server = serve(*exhibits)
        browser.driver.get("about:blank")
        browser.complaints(), browser.requests()  # of the test before
        browser.size(1280, 800)
        browser.driver.get(server.url)
        return server

    yield opened
    browser.driver.get("about:blank")


@pytest.fixture
def page(browser, open_page, packed, picture):
    """That of one file and its original, when the picture is there."""
    open_page(Exhibit(Path(packed), Path(picture)))
    until(browser, "return document.querySelector('#nic .base').naturalWidth > 0")
    until(browser, READY)
    return browser


def shown(page, side: str = "nic") -> list[int]:
    """Pixels of the picture that is shown, [0..255] RGBA of all in a row."""
    return page.run(
        "const img = document.querySelector(arguments[0]), canvas = document.createElement('canvas');"
        "[canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];"
        "const context = canvas.getContext('2d'); context.drawImage(img, 0, 0);"
        "return [...context.getImageData(0, 0, canvas.width, canvas.height).data]",
        f"#{side} .base",
    )


def box(page, selector: str) -> dict[str, float]:
    return page.run("return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector)


def type_keys(page, *keys: str) -> None:
    """To whatever has the focus."""
    from selenium.webdriver import ActionChains

    ActionChains(page.driver).send_keys(*keys).perform()


def test_the_page_loads_without_a_complaint_and_asks_nobody_else(page):
    assert page.complaints() == []
    urls = page.requests()
    home = page.run("return location.href")
    assert f"{home}0/picture?b=0.75&scale=1" in urls
    foreign = [url for url in urls if not url.startswith((home, f"blob:{page.run('return origin')}"))]
    assert [url for url in foreign if not url.startswith(("about:", "chrome:"))] == []


def test_a_request_to_elsewhere_would_be_refused_and_seen(page):
    """The control."""
    page.run("return fetch('https://example.invalid/y').catch(() => 0)")
    page.run("document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/x.png'}))")
    with pytest.raises(Exception, match="TrustedHTML"):
        page.run("document.body.innerHTML = arguments[0]", EVIL)
    assert "Content Security Policy" in " ".join(page.complaints())


def test_one_pixel_of_the_picture_is_one_of_the_screen(page, browser):
    for scale in (1, 2):
        page.size(1280, 800, scale=scale)
        until(page, "return devicePixelRatio === arguments[0]", scale)
        page.press("#view", "1")
        found = box(page, "#nic .base")
        assert (found["width"] * scale, found["height"] * scale) == (80, 48)
        for place in (found["x"] * scale, found["y"] * scale):
            assert place == pytest.approx(round(place), abs=0.01)


def test_the_slider_changes_the_picture_and_comes_back(page):
    from selenium.webdriver.common.keys import Keys

    stored, first = page.run(SOURCE), shown(page)
    page.press("#b", Keys.HOME)
    until(page, f"{SOURCE} !== arguments[0] && {READY[7:]}", stored)
    faithful = shown(page)
    assert faithful != first and page.find("#b-value").text == "0.00"
    page.press("#b", Keys.END)
    until(page, "return document.querySelector('#status').value.startsWith('b 1.00')")
    assert shown(page) not in (first, faithful)
    page.press("#view", "r")
    until(page, "return document.querySelector('#status').value.startsWith('b 0.75')")
    assert shown(page) == first and page.find("#b-value").text == "0.75 (stored)"
    assert page.run("return document.querySelector('#stored').disabled")
    assert page.complaints() == []


def test_commas_and_points_turn_b_from_anywhere(page):
    page.press("#view", ",", ",")
    until(page, "return document.querySelector('#status').value.startsWith('b 0.65')")
    page.press("#view", ".")
    until(page, "return document.querySelector('#status').value.startsWith('b 0.70')")
    assert page.find("#b").get_attribute("aria-valuetext") == "0.70"


def test_keys_move_and_zoom(page):
    from selenium.webdriver.common.keys import Keys

    before = box(page, "#stage")
    page.press("#view", "+", "+")
    larger = box(page, "#stage")
    assert larger["width"] == pytest.approx(160, abs=0.1) and page.find("#zoom").text == "200 %"
    assert larger["x"] + 80 == pytest.approx(before["x"] + 40, abs=1)  # the middle stays
    page.press("#view", Keys.ARROW_LEFT)
    assert box(page, "#stage")["x"] > larger["x"]
    page.press("#view", Keys.ARROW_DOWN)
    assert box(page, "#stage")["y"] < larger["y"]
    page.press("#view", "-", "-", "0")
    assert box(page, "#stage") == before


def test_a_drag_moves_and_a_wheel_zooms_where_it_is(page):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    view, before = page.find("#view"), box(page, "#stage")
    ActionChains(page.driver).drag_and_drop_by_offset(view, 30, -20).perform()
    moved = box(page, "#stage")
    assert (moved["x"] - before["x"], moved["y"] - before["y"]) == pytest.approx((30, -20), abs=1)
    page.press("#view", "0")
    ActionChains(page.driver).scroll_from_origin(ScrollOrigin.from_element(view, 40, 24), 0, -300).perform()
    grown = box(page, "#stage")
    assert grown["width"] > 150
    assert grown["right"] == pytest.approx(before["right"], abs=2)  # that corner lay under the pointer


def test_two_fingers_zoom_and_move(page):
    """What lay between them stays between them."""
    before, view = box(page, "#stage"), box(page, "#view")
    middle = [view["x"] + view["width"] / 2, view["y"] + view["height"] / 2]

    def touch(kind: str, away: float = 0, down: float = 0) -> None:
        places = [{"x": middle[0] + side * away, "y": middle[1] + down, "id": side} for side in (-1, 1)]
        events = {"type": kind, "touchPoints": places if away else []}
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", events)

    touch("touchStart", 30)
    touch("touchMove", 60)
    touch("touchMove", 90, down=25)
    touch("touchEnd")
    grown = box(page, "#stage")
    assert grown["width"] == pytest.approx(3 * before["width"], rel=0.01)
    assert grown["x"] + grown["width"] / 2 == pytest.approx(middle[0], abs=1)
    assert grown["y"] + grown["height"] / 2 == pytest.approx(middle[1] + 25, abs=1)


def test_the_original_is_flipped_to_while_a_key_is_held(page):
    from selenium.webdriver import ActionChains

    assert not page.find("#original").is_displayed()
    ActionChains(page.driver).key_down("o").perform()
    until(page, "return document.querySelector('#original .base').naturalWidth > 0")
    assert page.find("#original").is_displayed()
    original = shown(page, "original")
    ActionChains(page.driver).key_up("o").perform()
    assert not page.find("#original").is_displayed()
    assert original != shown(page)
    assert page.find("#view").get_attribute("aria-label") == "Picture, photo.nic"


def test_the_split_is_moved_by_keys(page):
    page.press("#view", "s")
    until(page, "return document.querySelector('#original .base').naturalWidth > 0")
    stage, view = box(page, "#stage"), box(page, "#view")

    def cut() -> float:
        """Pixels of the original that are shown, from its left."""
        clip = page.run("return getComputedStyle(document.querySelector('#original')).clipPath")
        return stage["width"] - float(clip.split()[1].removesuffix("px"))

    assert cut() == pytest.approx(view["x"] + view["width"] / 2 - stage["x"], abs=1)
    before = cut()
    page.press("#view", "]")
    assert cut() == pytest.approx(before + view["width"] * 0.02, abs=1)
    page.press("#view", "s")
    assert not page.find("#original").is_displayed() and page.find("#divide").get_attribute("disabled")


def test_every_control_is_reached_by_tab_and_has_a_name(page):
    from selenium.webdriver.common.keys import Keys

    page.press("#view", "i")
    page.run("document.activeElement.blur()")
    reached = []
    for _ in range(30):
        type_keys(page, Keys.TAB)
        reached.append(page.run("return document.activeElement.id"))
    wanted = page.run(
        "return [...document.querySelectorAll('button, input, select, [tabindex]')]"
        ".filter(e => !e.disabled && e.checkVisibility()).map(e => e.id)"
    )
    assert set(wanted) <= set(reached) and {"b", "view", "show-split", "told", "details"} <= set(wanted)
    for name in wanted:
        assert page.find(f"#{name}").accessible_name, name


def test_details_are_those_of_the_file(page):
    page.press("#view", "i")
    assert "80 x 48, RGB, 8 bit" in page.find("#details").text
    assert page.find("#told").get_attribute("aria-expanded") == "true"
    page.press("#view", "i")
    assert not page.find("#details").is_displayed()


def test_files_are_gone_through_by_keys_and_a_damaged_one_stops_nobody(browser, open_page, coded, capsys):
    for name, data in (("a.nic", coded), ("bad.nic", damaged(coded)), (EVIL, coded)):
        Path(name).write_bytes(data)
    open_page(*(Exhibit(Path(name)) for name in ("a.nic", "bad.nic", EVIL)))
    until(browser, "return document.querySelector('#nic .base').naturalWidth > 0")
    assert not browser.find("#sides").is_displayed()
    browser.press("#view", "n")
    said = until(browser, "return document.querySelector('#error').textContent")
    assert said.startswith("bad.nic: ") and "checksum" in said and browser.find("#error").is_displayed()
    assert not browser.find("#nic .base").is_displayed()
    assert browser.find("#b").get_attribute("disabled")
    browser.press("#view", "n")
    until(browser, "return document.querySelector('#nic .base').naturalWidth > 0")
    assert browser.find("#name").text == EVIL and not browser.find("#error").is_displayed()
    assert browser.run("return document.querySelectorAll('img').length") == 4
    browser.press("#view", "n")
    until(browser, "return document.querySelector('#name').textContent === 'a.nic'")
    browser.press("#view", "p")
    until(browser, "return document.title.startsWith('<img src=x')")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_of_a_large_picture_a_smaller_one_and_the_part_that_is_seen_are_asked_for(
    browser, open_page, clean_place, nic, monkeypatch
):
    Image.fromarray(skimage.data.astronaut()).save("large.png")
    assert nic("encode", "large.png", "-q", "0").code == 0
    monkeypatch.setattr("nic_cli.view.shelf.MOST", 512 * 512 // 16)
    open_page(Exhibit(Path("large.nic"), Path("large.png")))
    browser.size(400, 600)
    whole = "return document.querySelector('#nic .base').naturalWidth"
    part = "return document.querySelector('#nic .part').naturalWidth"
    assert until(browser, whole) == 128
    browser.press("#view", *["+"] * 6)
    until(browser, part)
    until(browser, READY)
    urls = [url.partition("?")[2] for url in browser.requests() if "/picture?" in url]
    assert any(url.endswith("&scale=1/4") and "crop" not in url for url in urls)
    assert any("crop" in url and url.endswith("&scale=1") for url in urls)


def test_the_page_says_so_when_the_server_has_ended(page):
    page.run("return import('./source.js').then(({ alive }) => (alive.close(), alive.onerror()))")
    assert "has ended" in page.find("#error").text


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_the_page_does_not_scroll_and_the_picture_has_room(page, width):
    page.size(width, 800)
    page.press("#view", "i")
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return document.documentElement.scrollHeight") <= 800
    assert box(page, "#view")["height"] >= 150


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_light_and_dark(page, dark):
    page.size(1280, 800, dark=dark)
    page.press("#view", "i")
    pairs = page.run(
        "const rgb = text => text.match(/[\\d.]+/g).map(Number);"
        "const behind = e => { for (; e; e = e.parentElement) {"
        " const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } };"
        "const told = 'h1, h2, dt, dd, label, output, kbd, .kicker, .pair, button:enabled';"
        "return [...document.querySelectorAll(told)].filter(e => e.checkVisibility() && e.textContent.trim())"
        ".map(e => [e.textContent, rgb(getComputedStyle(e).color), behind(e)])"
    )
    assert len(pairs) > 30

    def light(colour) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for text, front, back in pairs:
        low, high = sorted((light(front), light(back)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, text
