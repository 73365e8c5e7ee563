"""The pages of `nic web` and `nic view` to those who do not see them: what axe finds, and what is announced.

axe-core is looked for where node does: NODE_PATH names the folder that `npm install axe-core` has made.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nic_cli.view.shelf import Exhibit
from tests.bench.browser import until
from tests.cli.conftest import damaged
from tests.view.conftest import clean_place, coded, load_once, nic, packed, picture, pixels, serve
from tests.web.element import golden, refused, served

__all__ = ["clean_place", "coded", "load_once", "nic", "packed", "picture", "pixels", "serve"]
WIDTHS = (390, 1200)
SHOWN = """return [...document.querySelectorAll("output, [role=status]")].some(
  (e) => /^(Decoded|b [0-9])/.test(e.textContent))"""
REFUSED = (
    "return [...document.querySelectorAll('[role=alert]')].some((e) => e.checkVisibility() && e.textContent)"
)
STATES = {
    "empty": ("", "return document.body.innerText.includes('Drop')"),
    "file": ("?file=preview.nic", SHOWN),
    "error": ("?file=damaged.nic", REFUSED),
}
RULES = """
const done = arguments[0];
const told = ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`;
axe.run().then((found) => done([found.violations.map(told), found.passes.length]));
"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    if node := shutil.which("node"):
        ask = "console.log(require.resolve('axe-core/axe.min.js'))"
        found = subprocess.run([node, "-e", ask], capture_output=True, text=True)
        if not found.returncode:
            return Path(found.stdout.strip()).read_text(encoding="utf-8")
    pytest.skip("no axe-core: npm install axe-core@4.14.1, and its node_modules in NODE_PATH")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accessible") / "site"
    with served(folder) as found:
        (folder / "preview.nic").write_bytes(golden("preview"))
        (folder / "damaged.nic").write_bytes(refused("payload-checksum"))
        yield found


@pytest.fixture
def web(browser, address):
    """Open the page of `nic web` in a state."""

    def opened(state: str):
        query, ready = STATES[state]
        browser.driver.get(f"{address}index.html{query}")
        until(browser, ready)
        return browser

    return opened


@pytest.fixture
def view(browser, serve, packed, picture, coded):
    """Open that of `nic view`."""
    Path("bad.nic").write_bytes(damaged(coded))

    def opened(state: str):
        exhibit = Exhibit(Path("bad.nic")) if state == "error" else Exhibit(Path(packed), Path(picture))
        browser.driver.get(serve(exhibit).url)
        until(browser, REFUSED if state == "error" else SHOWN)
        return browser

    yield opened
    browser.driver.get("about:blank")


def violations(page, axe: str) -> list[str]:
    """What axe finds at two widths, in light and dark."""
    found = []
    for width in WIDTHS:
        for dark in (False, True):
            page.size(width, 800, dark=dark)
            page.run(axe)
            broken, kept = page.driver.execute_async_script(RULES)
            assert kept > 10
            found += [f"{width} px, {'dark' if dark else 'light'}: {rule}" for rule in broken]
    return found


def tree(page) -> dict[str, list[dict]]:
    """What screen readers are given: nodes by their role."""
    found: dict[str, list[dict]] = {}
    page.driver.execute_cdp_cmd("Accessibility.enable", {})
    for node in page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
        if not node["ignored"]:
            said = {each["name"]: each["value"].get("value") for each in node["properties"]}
            said |= {key: node.get(key, {}).get("value") for key in ("name", "value", "description")}
            found.setdefault(node["role"]["value"], []).append(said)
    return found


def text_of(page, role: str) -> str:
    """All text below nodes of a role."""
    return page.run(f"return [...document.querySelectorAll('{role}')].map((e) => e.textContent).join()")


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_in_the_page_of_nic_web(web, axe, state):
    page = web(state)
    assert violations(page, axe) == []
    if state == "file":
        page.press("body", "i")  # details
        assert violations(page, axe) == []


@pytest.mark.parametrize("state", ["file", "error"])
def test_axe_finds_nothing_in_the_page_of_nic_view(view, axe, state):
    page = view(state)
    assert violations(page, axe) == []
    if state == "file":
        page.press("body", "i", "s")  # details, and the original beside it
        assert violations(page, axe) == []


def test_axe_finds_what_is_wrong(web, axe):
    """The control."""
    page = web("empty")
    page.run("document.body.append(document.createElement('button'))")
    assert [rule for rule in violations(page, axe) if "button-name" in rule]


@pytest.mark.parametrize("kind", ["web", "view"])
def test_the_picture_the_dial_and_the_state_are_announced(request, kind):
    """The picture by its name, the dial by its name and what it stands at, the state when it changes."""
    page = request.getfixturevalue(kind)("file")
    page.size(1200, 800)
    found = tree(page)
    name = {"web": "preview.nic", "view": "photo.nic"}[kind]
    pictures = [*found.get("image", []), *found["group"]]
    assert [said["name"] for said in pictures if name in (said["name"] or "")]
    (dial,) = [said for said in found["slider"] if "Realism" in said["name"]]
    assert (dial["valuetext"], dial["valuemin"], dial["valuemax"]) == ("0.75", 0, 1)
    assert "realistic" in dial["description"]
    assert "polite" in [said.get("live") for said in found["status"]] and text_of(
        page, "output[aria-live=polite]"
    )
    assert not [said for said in found.get("button", []) if not said["name"]]
    assert not found.get("alert")


@pytest.mark.parametrize("kind", ["web", "view"])
def test_an_error_is_announced_at_once(request, kind):
    found = tree(page := request.getfixturevalue(kind)("error"))
    assert [said.get("live") for said in found["alert"]] == ["assertive"]
    assert "checksum" in text_of(page, "[role=alert]") or "damaged" in text_of(page, "[role=alert]")
    assert not [said for said in found.get("image", []) if said["name"]]


def test_an_element_that_has_failed_is_still_called_by_its_name(browser, address):
    """Only a picture that is there is shown, but what it would be is said in its place."""
    browser.driver.get(f"{address}one.html")
    browser.run("document.querySelector('nic-image').setAttribute('src', 'damaged.nic')")
    until(browser, "return !document.querySelector('nic-image').shadowRoot.querySelector('slot').hidden")
    assert [said["name"] for said in tree(browser)["image"]] == ["waves"]
