"""The page of the site: files that are opened, looked at by keys, pointers and buttons, as in `nic view`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from nic_cli.jobs import inspection
from nic_cli.terminal import file_table
from tests.bench.browser import until
from tests.golden import REFUSED, V1
from tests.web.test_page import DAMAGED, DECODED, address, page

__all__ = ["address", "page"]


def opened(page, address, *paths: Path) -> None:
    """The page anew, with files that were opened by hand, of which the first was decoded or refused."""
    page.size(1280, 800)
    page.driver.get(f"{address}index.html")
    page.run("document.getElementById('chosen').hidden = false")
    page.find("#chosen").send_keys("\n".join(map(str, paths)))
    page.run("document.getElementById('chosen').hidden = true")
    until(page, f"return document.getElementById('error').textContent || {DECODED[7:]}")


def box(page, selector: str = "#picture") -> dict[str, float]:
    return page.run("return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector)


def test_a_file_can_be_opened_by_hand(page, address):
    opened(page, address, V1 / "grey.nic")
    assert page.find("#name").text == "grey.nic" and "grey.nic" in page.driver.title
    assert not page.find("#drop").is_displayed() and not page.find("#next").is_displayed()


def test_files_are_dropped_and_pictures_saved(page, address):
    page.driver.get(f"{address}index.html")
    page.run(
        "const given = new DataTransfer();"
        "given.items.add(new File([Uint8Array.from(arguments[0])], 'dropped.nic'));"
        "for (const kind of ['dragover', 'drop'])"
        " document.dispatchEvent(new DragEvent(kind, {dataTransfer: given, cancelable: true}))",
        list((V1 / "grey.nic").read_bytes()),
    )
    until(page, DECODED)
    assert page.find("#name").text == "dropped.nic" and not page.run("return view.classList.contains('over')")
    page.run("HTMLAnchorElement.prototype.click = function () { window.saved = [this.download, this.href] }")
    page.find("#save").click()
    name, link = until(page, "return window.saved")
    assert name == "dropped.png" and link.startswith("blob:")


def test_one_pixel_of_the_picture_is_one_of_the_screen(page, address):
    opened(page, address, V1 / "preview.nic")
    for scale in (2, 1):
        page.size(1280, 800, scale=scale)
        until(page, "return devicePixelRatio === arguments[0]", scale)
        page.press("#view", "1")
        found = box(page)
        assert (found["width"] * scale, found["height"] * scale) == (330, 240)
        assert [found[side] * scale % 1 for side in "xy"] == pytest.approx([0, 0], abs=0.01)


def test_keys_move_and_zoom(page, address):
    from selenium.webdriver.common.keys import Keys

    opened(page, address, V1 / "preview.nic")
    before = box(page)
    page.press("#view", "+", "+")
    larger = box(page)
    assert larger["width"] == pytest.approx(660, abs=0.1) and page.find("#zoom").text == "200 %"
    assert larger["x"] + 330 == pytest.approx(before["x"] + 165, abs=1)  # the middle stays
    canvas = "document.getElementById('picture').shadowRoot.querySelector('canvas')"
    assert page.run(f"return getComputedStyle({canvas}).imageRendering") == "pixelated"
    page.press("#view", Keys.ARROW_LEFT, Keys.ARROW_UP)
    assert box(page)["x"] == pytest.approx(larger["x"] + 80, abs=1)
    assert box(page)["y"] == pytest.approx(larger["y"] + 80, abs=1)
    page.press("#view", "-", "-", "0")
    assert box(page) == before


def test_a_large_picture_fits_on_demand(page, address):
    opened(page, address, V1 / "preview.nic")
    page.size(390, 480)
    page.find("#fit").click()
    view, found = box(page, "#view"), box(page)
    assert found["width"] < 330 and page.find("#zoom").text == f"{found['width'] / 3.3:.0f} %"
    assert found["width"] <= view["width"] and found["height"] <= view["height"]
    page.find("#one").click()
    assert box(page)["width"] == 330


def test_a_drag_moves_and_a_wheel_zooms_where_it_is(page, address):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    opened(page, address, V1 / "preview.nic")
    view, before = page.find("#view"), box(page)
    ActionChains(page.driver).drag_and_drop_by_offset(view, 30, -20).perform()
    moved = box(page)
    assert (moved["x"] - before["x"], moved["y"] - before["y"]) == pytest.approx((30, -20), abs=1)
    page.press("#view", "0")
    corner = ScrollOrigin.from_element(view, 165, 120)
    ActionChains(page.driver).scroll_from_origin(corner, 0, -300).perform()
    grown = box(page)
    assert grown["width"] > 600
    assert grown["right"] == pytest.approx(before["right"], abs=2)  # that corner lay under the pointer


def test_files_are_gone_through_by_keys_and_a_damaged_one_stops_nobody(page, address):
    bad = V1 / REFUSED / f"{DAMAGED[0]}.nic"
    opened(page, address, V1 / "grey.nic", bad, V1 / "preview.nic")
    assert page.find("#next").is_displayed() and len(page.run("return [...file.options]")) == 3
    page.press("#view", "n")
    assert until(page, "return document.getElementById('error').textContent").startswith(f"{bad.name}: ")
    assert page.find("#b").get_attribute("disabled") and page.find("#save").get_attribute("disabled")
    assert page.find("#drop").is_displayed() and not page.find("#picture").is_displayed()
    page.press("#view", "n")
    until(page, DECODED)
    assert page.find("#name").text == "preview.nic" and not page.find("#error").is_displayed()
    assert page.find("#view").get_attribute("aria-label") == "Picture, preview.nic"
    page.press("#view", "n")
    until(page, f"return document.getElementById('name').textContent === 'grey.nic' && {DECODED[7:]}")
    page.press("#view", "p")
    until(page, "return document.title.startsWith('preview.nic')")


def test_of_a_file_that_cannot_be_decoded_the_details_are_there(page, address):
    page.driver.get(f"{address}index.html")
    page.press("#view", "i", "0", ",")
    assert not page.find("#details").is_displayed(), "there is no file yet"
    opened(page, address, V1 / "imported.nic")
    assert page.find("#error").text.startswith("imported.nic: made with model qvrf")
    assert page.find("#drop").is_displayed() and not page.find("#picture").is_displayed()
    page.press("#view", "i", ",")
    assert "qvrf" in page.find("#rows").text
    for control in ("b", "in", "fit", "save"):
        assert page.find(f"#{control}").get_attribute("disabled")
    assert "stored" in page.run("return document.getElementById('b-value').value"), "nothing was turned"


def test_the_dial_says_what_is_stored(page, address):
    opened(page, address, V1 / "preview.nic")
    said = (
        "return [b.getAttribute('aria-valuetext'), document.getElementById('b-value').value, stored.disabled]"
    )
    kept = f"{inspection.said_by(V1 / 'preview.nic')[0].b:g}"
    assert page.run(said) == [f"{kept}, as stored", f"{kept} (stored)", True]
    page.press("#view", ",")
    assert page.run(said)[2] is False
    page.find("#stored").click()
    assert page.run(said) == [f"{kept}, as stored", f"{kept} (stored)", True]
    assert page.run("return document.activeElement.id") == "b"


@pytest.mark.parametrize("name", ["preview", "grey", "hdr"])
def test_details_are_those_of_nic_info(page, address, name):
    opened(page, address, V1 / f"{name}.nic")
    said, alpha = inspection.said_by(V1 / f"{name}.nic")
    wanted = file_table.rows(asdict(said), alpha)
    found = dict(
        page.run(
            "return [...rows.querySelectorAll('dt')].map(e => [e.textContent, e.nextSibling.textContent])"
        )
    )
    assert len(found) == 9
    for title in ("picture", "alpha", "size", "quality", "realism", "model", "format"):
        assert found[title] == wanted[title]


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_does_not_scroll_and_the_picture_has_room(page, address, width):
    opened(page, address, V1 / "preview.nic", V1 / "grey.nic")
    page.size(width, 800)
    page.press("#view", "i")
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return document.documentElement.scrollHeight") <= 800
    assert box(page, "#view")["height"] >= 150
