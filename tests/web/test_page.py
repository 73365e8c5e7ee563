"""The site in a real browser: golden files, damaged ones, the dial, colours, and what is asked of whom."""

from __future__ import annotations

import pytest

from tests.bench.browser import until
from tests.web.element import NATIVE, Refusal, apart, check, decoded, golden, refused, served, shown

DAMAGED = ["header-checksum", "payload-checksum", "symbol-checksum", "version-2", "unknown-critical-chunk"]
DECODED = "return document.getElementById('status').textContent.startsWith('Decoded')"
NO_GPU = "No available adapters."
"""What Chromium notes where a page asks for a GPU and there is none."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a site with the embedded model and the golden one."""
    folder = tmp_path_factory.mktemp("web") / "site"
    with served(folder) as found:
        (folder / "own.html").write_text(
            '<!doctype html><html lang="en"><title>x</title>'
            '<script type="module" src="nic-image.js"></script>'
            '<nic-image src="preview.nic" alt="waves"></nic-image>'
            '<nic-image src="none.nic" alt="none"></nic-image>'
        )
        (folder / "preview.nic").write_bytes(golden("preview"))
        yield found


@pytest.fixture
def page(browser, address):
    """The page of the site, which is opened once."""
    if not browser.driver.current_url.startswith(f"{address}index.html"):
        browser.driver.get(f"{address}index.html")
        browser.complaints(), browser.requests()
    return browser


@pytest.mark.parametrize("name", NATIVE)
def test_golden_files_are_shown_as_the_second_decoder_has_them(page, name):
    check(page, name)


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_with_the_reason(page, name):
    with pytest.raises(Refusal) as said:
        shown(page, refused(name))
    assert len(str(said.value).splitlines()) == 1
    assert until(page, "return document.getElementById('error').textContent")


def test_imported_models_are_refused_with_the_reason(page):
    with pytest.raises(Refusal, match="model"):
        shown(page, golden("imported"))


def test_the_dial_turns_realism_and_keeps_the_file(page):
    first, again = shown(page, golden("tiles")), shown(page, b"", 0.0)
    assert (again != first).any() and apart(again, decoded("tiles", 0.0)).max() <= 2


def test_nothing_is_asked_of_others_and_nothing_complained_of(page, address):
    page.driver.get("about:blank")
    page.complaints(), page.requests()
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    asked = page.requests()
    assert asked and all(url.startswith((address, f"blob:{address}")) for url in asked)
    assert [said for said in page.complaints() if not said.endswith(NO_GPU)] == []


def test_the_weights_are_fetched_once(page, address):
    """Whatever the server says of keeping things: they are kept under their hash."""
    kept = "return caches.open('nic-models').then(c => c.keys()).then(all => all.map(r => r.url))"
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    assert any("model.safetensors?sha256=" in url for url in page.run(kept))
    page.requests()
    page.driver.get("about:blank")
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    assert not [url for url in page.requests() if "safetensors" in url]


def test_an_element_in_a_page_of_ones_own(page, address):
    page.driver.get(f"{address}own.html")
    until(page, "return Boolean(customElements.get('nic-image'))")
    said = until(
        page,
        "const one = document.querySelector('nic-image');"
        "const canvas = one.shadowRoot.querySelector('canvas');"
        "return !canvas.hidden && {width: canvas.width, role: one.getAttribute('role'), name: one.ariaLabel}",
    )
    assert said == {"width": 330, "role": "img", "name": "waves"}
    missing = (
        "const one = document.querySelectorAll('nic-image')[1];"
        "const slot = one.shadowRoot.querySelector('slot');"
    )
    assert until(page, f"{missing} return !slot.hidden && slot.textContent") == "none"
    assert page.run(f"{missing} return one.header === undefined")


def test_the_dial_answers_at_once_when_it_was_prepared(page, address):
    """A mix comes before the full picture; of elements that nobody turns there is none."""
    shown(page, golden("preview"))
    script = """
        const [done, element] = [arguments[0], document.getElementById("picture")];
        const seen = [];
        element.addEventListener("draw", function heard({ detail }) {
          seen.push(detail.full);
          if (!detail.full) return;
          element.removeEventListener("draw", heard);
          if (seen.length > 1) return done(seen);
          element.addEventListener("draw", heard);
          turn();
        });
        let b = 0.1;
        const turn = () => setTimeout(() => (element.b = b += 0.05), 2500);
        turn();
    """
    assert page.driver.execute_async_script(script)[-2:] == [False, True]


def test_all_of_it_works_by_keys_and_has_a_name(page, address):
    from selenium.webdriver import ActionChains

    page.driver.get(f"{address}index.html?file=tiles.nic")
    assert until(page, "return document.getElementById('error').textContent").startswith("tiles.nic")
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    before = page.run("return document.getElementById('b').value")
    ActionChains(page.driver).send_keys(",").perform()
    assert float(page.run("return document.getElementById('b').value")) < float(before)
    ActionChains(page.driver).send_keys("r").send_keys("i").perform()
    assert page.run("return document.getElementById('b').value") == before
    assert page.run("return !document.getElementById('details').hidden")
    assert "330 x 240" in page.find("#rows").text
    nameless = page.run(
        "return [...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility() && "
        "!(e.textContent.trim() || e.ariaLabel || (e.labels && e.labels.length))).map(e => e.id)"
    )
    assert nameless == []
