"""The server: for whoever knows its address, on this machine, and the pictures are those of `nic decode`."""

from __future__ import annotations

import io
import re
import socket
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nic_cli.errors import NicError
from nic_cli.image.reading import from_array
from nic_cli.view import tabs
from nic_cli.view.server import ADDRESS, ASSETS, KINDS, Server
from nic_cli.view.shelf import MOST, Exhibit
from tests.cli.conftest import damaged

from .conftest import ask


def shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def decoded(nic, *arguments: object) -> np.ndarray:
    done = nic("decode", *arguments, "-o", "-", "--format", "png")
    assert done.code == 0, done.err
    return shown(done.out)


# -- who may ask for what --------------------------------------------------------------------------


def test_the_page_comes_with_all_that_it_needs_and_nothing_else_may_load(served):
    for name, path in ASSETS.items():
        answer = ask(served.url + name)
        kind = KINDS[path.rpartition(".")[2]]
        assert answer.status == 200 and answer.headers["Content-Type"] == kind and answer.body
        policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert policy.pop("require-trusted-types-for") == "'script'"
        assert {name: value for name, value in policy.items() if value != "'none'"} == {
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "img-src": "'self' blob:",
        }
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_page_has_no_script_or_style_in_its_text(served):
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(ask(served.url).text)
    assert ("script", {"src": "page.js", "type": "module"}) in tags
    assert not [tag for tag, given in tags if tag == "style" or (tag == "script" and "src" not in given)]
    assert not [name for _, given in tags for name in given if name.startswith("on") or name == "style"]
    links = {given[name] for _, given in tags for name in ("src", "href", "action") if given.get(name)}
    for name in (wanted := sorted(links)):  # and what these import
        text = ask(served.url + name).text if name.endswith(".js") else ""
        wanted += [file for file in re.findall(r'(?:from|import) "\./([^"]+)"', text) if file not in wanted]
    assert set(wanted) == set(ASSETS) - {""}


@pytest.mark.parametrize("wrong", ["", "x", "{token}x", "{short}", "%00", "é", "favicon.ico"])
def test_without_the_token_nothing_is_answered(served, wrong):
    part = wrong.format(token=served.token, short=served.token[:-1])
    quoted = part.encode().decode("latin-1") if part.isascii() else "%C3%A9"
    for path in ("", "/", "/files", "/0/picture", "/alive"):
        answer = ask(f"http://{ADDRESS}:{served.server_port}/{quoted}{path}")
        assert answer.status == 403 and b"photo" not in answer.body


def test_tokens_are_long_and_differ(serve):
    tokens = {serve().token for _ in range(3)}
    assert len(tokens) == 3 and min(map(len, tokens)) >= 32


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "[", "0"]
)
def test_another_name_for_this_machine_is_refused(served, host):
    """A page elsewhere whose name is made to lead here knows no token, and would not get far with one."""
    assert ask(served.url, Host=host.format(port=served.server_port)).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:8000", "localhost"])
def test_the_end_of_a_tunnel_may_have_another_port(served, host):
    assert ask(served.url, Host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_refused(served, method):
    answer = ask(served.url, method=method)
    assert answer.status == 405 and answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "path",
    [
        *("x", "../page/index.html", "index.html", "server.py", "view/source.js", "%2e%2e/page/page.js"),
        *("1/about", "-1/about", "0", "0/", "0/about/", "0/no", "٠/about"),
    ],
)
def test_what_is_not_there_is_not_found(served, path):
    from urllib.parse import quote

    assert ask(served.url + quote(path)).status == 404


def test_an_address_without_its_last_slash_leads_to_the_page(served):
    assert ask(served.url[:-1]).body == ask(served.url).body


def test_what_is_no_http_is_refused_and_the_server_goes_on(served):
    for junk in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70000):
        with socket.create_connection(served.server_address, timeout=30) as line:
            line.sendall(junk)
            line.shutdown(socket.SHUT_WR)
            reply = line.makefile("rb").read()
            assert b"Traceback" not in reply and b"Python" not in reply
    assert ask(served.url).status == 200


def test_it_listens_on_this_machine_alone(served):
    assert served.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_one_line(served):
    with pytest.raises(NicError, match=f"--port {served.server_port}: .*; give another"):
        Server(served.shelf, served.server_port)


# -- what is shown ---------------------------------------------------------------------------------


def test_a_file_says_of_itself_what_info_says(served, nic, packed):
    said = ask(f"{served.url}0/about").json
    rows = [f"{name:<10} {text}" for name, text in said["rows"].items()]
    assert nic("info", packed).out.decode().splitlines() == [said["name"], *rows]
    assert (said["width"], said["height"], said["b"], said["scale"]) == (80, 48, 0.75, 1)
    assert ask(f"{served.url}files").json == ["photo.nic"]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", ()),
        ("b=0", ("-b", "0")),
        ("b=1", ("-b", "1")),
        ("b=0.33", ("-b", "0.33")),
        ("crop=8,16,40,24", ("--crop", "8,16,40,24")),
        ("b=1&crop=8,16,40,24&scale=1/2", ("-b", "1", "--crop", "8,16,40,24", "--scale", "1/2")),
        ("scale=1/8", ("--scale", "1/8")),
    ],
)
def test_pictures_are_those_of_decode(served, nic, packed, query, options):
    answer = ask(f"{served.url}0/picture?{query}")
    assert answer.status == 200 and answer.headers["Content-Type"] == "image/png"
    assert np.array_equal(shown(answer.body), decoded(nic, packed, *options))


def test_b_changes_the_picture_and_the_latents_are_not_decoded_again(served, nic, packed, monkeypatch):
    from nic_cli import tile_coding

    reads = []
    real = tile_coding.coder.Decoder
    monkeypatch.setattr(tile_coding.coder, "Decoder", lambda *given: reads.append(1) or real(*given))
    pictures = {b: ask(f"{served.url}0/picture?b={b}").body for b in ("0", "0.5", "1")}
    assert len(set(pictures.values())) == 3 and len(reads) == 1
    assert ask(f"{served.url}0/picture?b=1").body == pictures["1"]


def test_a_file_that_is_written_anew_is_shown_anew(served, nic, packed):
    before = ask(f"{served.url}0/picture").body
    Image.fromarray(255 - shown(before)).save("other.png")
    assert nic("encode", "other.png", "-o", packed, "-f").code == 0
    after = shown(ask(f"{served.url}0/picture").body)
    assert np.array_equal(after, decoded(nic, packed)) and not np.array_equal(after, shown(before))


def test_the_original_is_cut_and_scaled_as_the_picture_is(served, pixels):
    assert np.array_equal(shown(ask(f"{served.url}0/original").body), pixels)
    part = shown(ask(f"{served.url}0/original?crop=8,16,40,24").body)
    assert np.array_equal(part, pixels[16:40, 8:48])
    half = shown(ask(f"{served.url}0/original?scale=1/2").body)
    wanted = pixels.reshape(24, 2, 40, 2, 3).astype(float).mean((1, 3))
    assert np.abs(half - wanted).max() <= 0.5


def test_an_odd_size_is_scaled_to_the_same_size_on_both_sides(serve, nic, pixels):
    Image.fromarray(pixels[:45, :77]).save("odd.png")
    assert nic("encode", "odd.png").code == 0
    server = serve(Exhibit(Path("odd.nic"), Path("odd.png")))
    sizes = {shown(ask(f"{server.url}0/{what}?scale=1/4").body).shape for what in ("picture", "original")}
    assert sizes == {(12, 20, 3)}


@pytest.mark.parametrize("kind", ["alpha", "16 bit", "grey"])
def test_other_kinds_of_pictures_come_in_8_bits(serve, nic, pixels, kind):
    from nic_cli.image.writing import write

    if kind == "alpha":
        values = np.dstack([pixels, np.arange(80, dtype=np.uint8)[None].repeat(48, 0)])
    else:
        values = pixels.astype(np.uint16) * 257 if kind == "16 bit" else pixels[..., :1]
    with Path("in.png").open("wb") as stream:
        write(from_array(values), stream, "png")
    assert nic("encode", "in.png", "-q", "5").code == 0
    server = serve(Exhibit(Path("in.nic"), Path("in.png")))
    found, given = (
        Image.open(io.BytesIO(ask(f"{server.url}0/{what}").body)) for what in ("picture", "original")
    )
    assert found.mode == given.mode == {"alpha": "RGBA", "16 bit": "RGB", "grey": "L"}[kind]
    assert np.abs(np.asarray(found).astype(int) - np.asarray(given)).mean() < 8


def test_profiles_of_wide_colours_go_along(serve, nic, pixels):
    from nic_cli.image.ancillary import profiles
    from nic_cli.image.ancillary.colour_codes import ColourCode

    p3 = ((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
    icc = profiles.profile_of(ColourCode(p3, "srgb"))
    Image.fromarray(pixels).save("wide.png", icc_profile=icc)
    assert nic("encode", "wide.png").code == 0
    server = serve(Exhibit(Path("wide.nic"), Path("wide.png")))
    for what in ("picture", "original"):
        assert Image.open(io.BytesIO(ask(f"{server.url}0/{what}").body)).info["icc_profile"] == icc


def test_metadata_stay_at_home(serve, nic, pixels):
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    Image.fromarray(pixels).save("told.png", exif=exif)
    assert nic("encode", "told.png").code == 0
    server = serve(Exhibit(Path("told.nic"), Path("told.png")))
    assert b"a secret place" in Path("told.nic").read_bytes()
    for what in ("picture", "original"):
        assert b"a secret place" not in ask(f"{server.url}0/{what}").body


# -- what cannot be shown --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "b=2",
        "b=-0.1",
        "b=nan",
        "b=x",
        "crop=1,2,3",
        "crop=0,0,0,0",
        "crop=0,0,81,48",
        "scale=3",
        "scale=1/16",
    ],
)
def test_values_out_of_range_are_refused_in_a_line(served, query, capsys):
    answer = ask(f"{served.url}0/picture?{query}")
    assert (
        answer.status == 422 and answer.text.startswith("photo.nic: ") and len(answer.text.splitlines()) == 1
    )
    assert capsys.readouterr().err == ""


def test_more_than_is_sent_at_once_is_refused_before_it_is_decoded(served, monkeypatch):
    monkeypatch.setattr("nic_cli.view.shelf.MOST", 1000)
    assert MOST > 80 * 48
    assert "ask for a part" in ask(f"{served.url}0/picture").text
    assert ask(f"{served.url}0/about").json["scale"] == 2
    assert ask(f"{served.url}0/picture?scale=1/2").status == 200
    assert ask(f"{served.url}0/picture?crop=0,0,20,20").status == 200


def test_a_damaged_file_is_told_once_and_the_others_go_on(serve, coded, capsys):
    Path("bad.nic").write_bytes(damaged(coded))
    Path("no.nic").write_bytes(b"no file of ours")
    Path("photo.nic").write_bytes(coded)
    server = serve(*(Exhibit(Path(name)) for name in ("bad.nic", "no.nic", "gone.nic", "photo.nic")))
    for number, said in enumerate(("checksum", "not a .nic file", "No such file")):
        for what in ("about", "picture", "about"):
            answer = ask(f"{server.url}{number}/{what}")
            assert answer.status == 422 and said in answer.text and "Traceback" not in answer.text
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("nic: ") for line in lines)
    assert ask(f"{server.url}3/picture").status == 200


def test_a_missing_model_is_told(serve, coded, capsys, monkeypatch):
    from nic_cli.errors import ModelError

    def absent(*_, **__):
        raise ModelError("model iris is not here: fetch it")

    server = serve(Exhibit(Path("photo.nic")))
    Path("photo.nic").write_bytes(coded)
    monkeypatch.setattr("nic_cli.zoo.load.load", absent)
    answer = ask(f"{server.url}0/picture")
    assert (answer.status, answer.text) == (422, "photo.nic: model iris is not here: fetch it")
    assert capsys.readouterr().err == "nic: photo.nic: model iris is not here: fetch it\n"


def test_an_original_of_another_size_or_none_is_told(serve, coded, pixels, capsys):
    Path("photo.nic").write_bytes(coded)
    Image.fromarray(pixels[:40]).save("small.png")
    Path("junk.png").write_bytes(b"junk")
    server = serve(
        *(Exhibit(Path("photo.nic"), name and Path(name)) for name in ("small.png", "junk.png", None))
    )
    assert "small.png: 80 x 40 pixels, where the file has 80 x 48" in ask(f"{server.url}0/original").text
    assert ask(f"{server.url}1/original").text.startswith("junk.png: ")
    assert "--original" in ask(f"{server.url}2/original").text
    assert ask(f"{server.url}0/picture").status == 200


def test_names_are_spelled_out(serve, coded):
    name = "a\u202eb\n<img src=x>.nic"
    Path(name).write_bytes(coded)
    server = serve(Exhibit(Path(name)))
    assert ask(f"{server.url}files").json == ["a\\u202eb\\n<img src=x>.nic"]


# -- time ------------------------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch):
    """Decoding that takes ten seconds: whether it has begun, what it ended with, and how to undo this."""
    from nic_cli import codec

    begun, ended, real = threading.Event(), [], codec.stream

    def stream(*given, progress, **options):
        begun.set()
        try:
            for _ in range(1000):
                progress(0, 1000)
                time.sleep(0.01)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise
        return real(*given, progress=progress, **options)

    with monkeypatch.context() as patch:
        patch.setattr(codec, "stream", stream)
        yield begun, ended, patch.undo


def asking(server: Server) -> socket.socket:
    line = socket.create_connection(server.server_address)
    line.sendall(f"GET /{server.token}/0/picture HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return line


def test_whoever_goes_away_is_not_decoded_for(served, slow):
    """A page that asks for another b closes the connection of the last one."""
    begun, ended, usual = slow
    line = asking(served)
    assert begun.wait(30)
    line.close()
    deadline = time.monotonic() + 5
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended == ["Gone"]
    usual()
    assert ask(f"{served.url}0/picture").status == 200


def test_at_its_end_decoding_ends_at_the_next_strip_and_is_waited_for(served, slow):
    begun, ended, _ = slow
    with asking(served) as line:
        assert begun.wait(30) and not ended
        started = time.monotonic()
        served.settle(8)
        assert ended == ["Gone"] and time.monotonic() - started < 4
        assert line.recv(1) == b""


def test_a_tab_counts_until_it_closes(served, monkeypatch):
    monkeypatch.setattr(tabs, "GRACE", 0.3)

    def opened() -> socket.socket:
        line = socket.create_connection(served.server_address)
        line.sendall(f"GET /{served.token}/alive HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert line.recv(1000)
        return line

    assert not served.tabs.over()  # nobody has come yet
    first, second = opened(), opened()
    first.close()
    time.sleep(0.6)
    assert not served.tabs.over()  # the second is there
    second.close()
    again = opened()  # as a page that is loaded again
    time.sleep(0.6)
    assert not served.tabs.over()
    again.close()
    deadline = time.monotonic() + 5
    while not served.tabs.over() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert served.tabs.over()


def test_a_part_is_decoded_while_the_whole_gives_way_and_both_are_right(serve, nic, photographs, monkeypatch):
    from nic_cli.transform.plain import engine

    monkeypatch.setattr(engine, "POSITIONS", 1 << 8)  # many strips of a small picture
    Image.fromarray(photographs["astronaut"]).save("whole.png")
    assert nic("encode", "whole.png", "-q", "0").code == 0
    server = serve(Exhibit(Path("whole.nic")))
    turns, ways = server.shelf._turns, []
    real = turns._give_way

    def once_there_is_another(pixels: int) -> None:
        deadline = time.monotonic() + 30
        while len(ways) == 1 and not turns._waiting and time.monotonic() < deadline:
            time.sleep(0.01)  # after the first strip
        ways.append(bool(turns._waiting))
        real(pixels)

    monkeypatch.setattr(turns, "_give_way", once_there_is_another)
    found = {}

    def fetch(query: str) -> None:
        found[query] = ask(f"{server.url}0/picture?{query}").body

    whole = threading.Thread(target=fetch, args=("b=1",))
    whole.start()
    while not ways:
        time.sleep(0.01)
    fetch("b=0&crop=100,100,64,64")
    assert "b=1" not in found and ways[1]  # the part came first, though it was asked for later
    whole.join()
    assert np.array_equal(shown(found["b=1"]), decoded(nic, "whole.nic", "-b", "1"))
    part = decoded(nic, "whole.nic", "-b", "0", "--crop", "100,100,64,64")
    assert np.array_equal(shown(found["b=0&crop=100,100,64,64"]), part)
