"""The element in Firefox: the same pixels as by the second decoder, the same refusals, nobody else asked."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.bench.browser import until
from tests.bench.firefox import firefox, missing
from tests.web.element import NATIVE, Refusal, check, decoded, golden, refused, served, shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("firefox") / "site"


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    if reason := missing():
        pytest.skip(reason)
    with firefox() as tab:
        yield tab


@pytest.fixture
def page(browser, address):
    """A page with one element, which is opened once."""
    if browser.run("return location.href") != f"{address}one.html":
        browser.driver.get(f"{address}one.html")
    return browser


@pytest.mark.parametrize("name", NATIVE)
def test_golden_files_are_shown_as_the_second_decoder_has_them(page, name):
    check(page, name)


@pytest.mark.parametrize("name", ["payload-checksum", "symbol-checksum", "version-2", "cut-in-payload"])
def test_damaged_files_are_refused_with_the_reason(page, name):
    with pytest.raises(Refusal) as said:
        shown(page, refused(name))
    assert len(str(said.value).splitlines()) == 1
    assert page.run("return document.querySelector('nic-image').header === undefined")


def test_files_of_imported_models_are_refused_with_the_reason(page):
    with pytest.raises(Refusal, match="model"):
        shown(page, golden("imported"))


def test_an_element_in_a_page_of_ones_own(browser, address, folder):
    """Its picture comes by its address, alone; where there is none its name stands in its place."""
    (folder / "preview.nic").write_bytes(golden("preview"))
    (folder / "own.html").write_text(
        '<!doctype html><html lang="en"><title>x</title>'
        '<script type="module" src="nic-image.js"></script>'
        '<nic-image src="preview.nic" alt="waves" b="0.5"></nic-image>'
        '<nic-image src="none.nic" alt="what is not there"></nic-image>'
    )
    browser.driver.get("about:blank")
    browser.requests()
    browser.driver.get(f"{address}own.html")
    one, other = (f"document.querySelectorAll('nic-image')[{at}]" for at in (0, 1))
    until(browser, f"return !{one}.shadowRoot?.querySelector('canvas')?.hidden && {one}.header?.width")
    assert browser.run(f"return [{one}.role, {one}.ariaLabel, {one}.b]") == ["img", "waves", 0.5]
    until(browser, f"return !{other}.shadowRoot.querySelector('slot').hidden")
    assert browser.run(f"return {other}.shadowRoot.querySelector('slot').textContent") == "what is not there"
    asked = browser.requests()
    assert f"{address}preview.nic" in asked and any("worker.js" in url for url in asked)
    assert [url for url in asked if not url.startswith((address, f"blob:{address}"))] == []


def test_the_page_of_nic_web_shows_a_file_and_asks_nobody_else(browser, address, folder):
    (folder / "photo.nic").write_bytes(golden("preview"))
    browser.complaints(), browser.requests()
    browser.driver.get(f"{address}index.html?file=photo.nic")
    element = "document.querySelector('nic-image')"
    until(
        browser, f"return {element}?.header && {element}.shadowRoot.querySelector('canvas').checkVisibility()"
    )
    assert browser.run(f"return [{element}.header.width, {element}.ariaLabel]") == [330, "photo.nic"]
    assert [url for url in browser.requests() if not url.startswith((address, f"blob:{address}"))] == []
    assert browser.complaints() == []


def test_what_is_asked_of_others_is_seen(browser, address):
    """The control: from a page without a policy, and refused to one that has one."""
    elsewhere = "http://localhost:49151/elsewhere"
    for page, asked in (("one.html", [elsewhere]), ("index.html", [])):
        browser.driver.get(f"{address}{page}")
        browser.complaints(), browser.requests()
        browser.driver.execute_async_script(f"fetch('{elsewhere}').catch(() => 0).then(arguments[0])")
        assert [url for url in browser.requests() if not url.startswith(address)] == asked
        assert ("Content-Security-Policy" in " ".join(browser.complaints())) == (not asked)


def test_the_dial_turns_realism_and_comes_back(page):
    stored, other = (shown(page, golden("tiles"), b) for b in (None, 0.0))
    assert (stored != other).any()
    assert (shown(page, golden("tiles")) == stored).all()


def test_alpha_is_shown_where_canvases_give_noise_back(address, folder):
    """As they do in Tor Browser, and wherever `privacy.resistFingerprinting` is set."""
    if reason := missing():
        pytest.skip(reason)
    (folder / "alpha.nic").write_bytes(golden("alpha"))
    (folder / "clear.html").write_text(
        '<!doctype html><html lang="en"><title>x</title><body style="margin: 0; background: #000">'
        '<script type="module" src="nic-image.js"></script><nic-image src="alpha.nic" alt="disc"></nic-image>'
    )
    with firefox({"privacy.resistFingerprinting": True}) as tab:
        tab.driver.get(f"{address}clear.html")
        until(tab, "return document.querySelector('nic-image').header?.alpha")
        tab.driver.execute_async_script(
            "const [done, element] = [arguments[0], document.querySelector('nic-image')];"
            "element.addEventListener('draw', () => requestAnimationFrame(() => setTimeout(done, 100)));"
            "element.b = 0.5"
        )
        shot = base64.b64decode(tab.driver.call("WebDriver:TakeScreenshot", full=False))
    right = decoded("alpha", 0.5).astype(float)
    right = right[..., :3] * right[..., 3:] / 255
    found = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))[: right.shape[0], : right.shape[1]]
    assert np.abs(found - right).max() <= 3
