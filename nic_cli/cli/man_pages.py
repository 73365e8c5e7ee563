"""The manual pages, from the app and the topics: `python -m nic_cli.cli.man_pages man/` writes them.

Options and their help come from the commands themselves, so that pages and program cannot part; a
test compares the pages in `man/` with these. There are no dates and no versions in them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer.main

from nic_cli import manual
from nic_cli.cli import batch, bench, compare, convert, decode, encode, help, info, train, verify, view, web
from nic_cli.cli.app import application
from nic_cli.cli.declaring import ADVANCED, COMMON, OUTPUT
from nic_cli.cli.zoo import models
from nic_cli.manual import roff
from nic_cli.storage.atomic import put

EXAMPLES = {
    "encode": encode.EXAMPLES,
    "decode": decode.EXAMPLES,
    "info": info.EXAMPLES,
    "verify": verify.EXAMPLES,
    "convert": convert.EXAMPLES,
    "batch": batch.EXAMPLES,
    "view": view.EXAMPLES,
    "web": web.EXAMPLES,
    "compare": compare.EXAMPLES,
    "bench": bench.EXAMPLES,
    "train": train.EXAMPLES,
    "models": models.EXAMPLES,
    "help": help.EXAMPLES,
}
MORE = {"train": "training", "bench": "comparing"}  # topics that stand in the page of a command
STREAMS = (
    "Standard output carries data or JSON, the tables of nic info and nic models and the verdicts of nic "
    "verify, and nothing else; all that is told besides goes to standard error. A failure is one line there: "
    "what, where, and what to do next. An output file is written beside its place and moved there when it is "
    "whole."
)
EXIT_STATUS = {
    "0": "All is done.",
    "1": "Some inputs of a batch failed (each is named on standard error), or a failure with no code of its "
    "own, or the reader of standard output went away.",
    "2": "Usage: an unknown option, a value out of range, two inputs that map to one output.",
    "3": "An input that cannot be read: not there, not a .nic file, damaged, cut, of a version that this "
    "program does not know; not a picture.",
    "4": "The model is missing or out of reach, or a hash does not match.",
    "5": "The output exists, and neither -f nor --skip-existing was given.",
    "130": "Interrupted (143 if terminated, 129 if the terminal was closed).",
}
ENVIRONMENT = {
    "NIC_MODEL": "Model to encode with, as --model; decoding tries it for files of models it does not know.",
    "NIC_DEVICE": "Where the network runs, as --device.",
    "NIC_CACHE": "Folder for models that were fetched. Default: the cache of the hub's own client.",
    "NIC_DEBUG": "Set to 1 to see the trace of a failure.",
    "HF_HUB_OFFLINE": "Set to 1 to ask no model hub, as --offline. The hub's other variables (HF_HOME, "
    "HF_ENDPOINT, HF_TOKEN) hold as well. Only nic models pull and push and nic encode --trust ask it.",
    "NO_COLOR, FORCE_COLOR": "Colour never or always, unless --color says otherwise.",
}
FILES = {
    "config.toml": "Settings that hold unless a flag or a variable says otherwise, in the user's "
    "configuration folder (on Linux ~/.config/nic/). Keys: model, device, cache, quality, realism, effort, "
    "threads, tile, color, offline.",
    "models/": "Models of your own, one folder each, in the user's data folder (Linux: ~/.local/share/nic/); "
    "beside it trusted/, the hashes of models from elsewhere that you trusted.",
    "share/": "Under the folder that nic was installed to: mime/packages/nic.xml (the type image/x-nic), "
    "thumbnailers/nic.thumbnailer (file managers run nic-thumbnailer) and nic/nic.magic (a rule of file(1)).",
}
COMPLETION = ("install_completion", "show_completion")  # Typer's own, and worded by its version


def pages() -> dict[str, str]:
    """Make all pages: the text of each by the place of its file."""
    group: Any = typer.main.get_command(application())
    made = {"man1/nic.1": _main_page(group), **_written_pages()}
    for name, command in group.commands.items():
        page = _group_page if hasattr(command, "commands") else _command_page
        made[f"man1/nic-{name}.1"] = page(name, command, sorted(group.commands))
    return made


def _written_pages() -> dict[str, str]:
    """Those that no command has."""
    titles = {"nic(5)": "the format of .nic files", "nic(7)": "what one can do with nic"}
    titles["nic-models(7)"] = "models, what is trusted, and checkpoints of researchers"
    pages = {}
    for page, title in titles.items():
        name, section = page[:-3], int(page[-2])
        topics = [topic for topic, where in manual.TOPICS.items() if where == page]
        parts = [roff.head(name, section, title)]
        parts += [line for topic in topics for line in roff.body(manual.source(topic), below=len(topics) > 1)]
        parts.append(_section("SEE ALSO", ", ".join(_referred(p) for p in ("nic(1)", *titles) if p != page)))
        pages[f"man{section}/{name}.{section}"] = "\n".join(parts) + "\n"
    return pages


def _referred(page: str) -> str:
    return rf"\fB{_text(page[:-3])}\fR{page[-3:]}"


def write(folder: Path) -> None:
    """Write all pages into `folder`."""
    for name, text in pages().items():
        put(folder / name, text)


def _main_page(group: Any) -> str:
    commands = {f"nic-{name}(1)": _first_line(command) for name, command in group.commands.items()}
    others = [_referred(f"nic-{name}(1)") for name in sorted(group.commands)]
    parts = [
        _head("nic", "a neural image codec"),
        _section("SYNOPSIS", r"\fBnic\fR [\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGS\fR]..."),
        _section("DESCRIPTION", _text(group.help), ".PP", _text(STREAMS)),
        _section("COMMANDS", *_terms(commands.items())),
        _section("OPTIONS", *_options(group.params)),
        *_ending(),
        _section("EXAMPLES", *_examples(encode.EXAMPLES[:1] + decode.EXAMPLES[:1] + info.EXAMPLES[:1])),
        _section("SEE ALSO", ", ".join([*map(_referred, ("nic(5)", "nic(7)", "nic-models(7)")), *others])),
    ]
    return "\n".join(parts) + "\n"


def _group_page(name: str, group: Any, names: list[str]) -> str:
    """One page for a command of commands: the arguments and options of each, then those that all have."""
    commands = {f"nic {name} {under}": command for under, command in group.commands.items()}
    shared = set.intersection(*({p.name for p in command.params} for command in commands.values()))
    every = [p for p in next(iter(commands.values())).params if p.name in shared]
    others = [rf"\fBnic\-{other}\fR(1)" for other in names if other != name]
    parts = [
        _head(f"nic-{name}", _first_line(group)),
        _section("SYNOPSIS", rf"\fBnic {name}\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGS\fR]..."),
        _section("DESCRIPTION", *_paragraphs(group.help)),
        _section("COMMANDS"),
    ]
    for line, command in commands.items():
        usage = rf"\fB{_text(line)}\fR {_usage(command)}".rstrip()
        parts += [f".PP\n{usage}\n.RS", *_paragraphs(command.help), *_apart(command, shared), ".RE"]
    parts += [
        _section("OPTIONS", *_options(every)),
        *_ending(),
        _section("EXAMPLES", *_examples(EXAMPLES[name])),
        _section("SEE ALSO", ", ".join([r"\fBnic\fR(1)", *others])),
    ]
    return "\n".join(parts) + "\n"


def _apart(command: Any, shared: set[str]) -> Iterator[str]:
    """The arguments of a command, then the options that others of its group do not have."""
    own = [p for p in command.params if p.name not in shared]
    for param in (p for p in own if p.param_type_name == "argument"):
        yield f".TP\n\\fI{_text(param.metavar)}\\fR\n{_text(param.help)}"
    yield from (
        _option(p) for p in sorted(own, key=_panel_order) if p.param_type_name == "option" and not p.hidden
    )


def _usage(command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    return " ".join(rf"\fI{_text(p.metavar)}\fR{'...' if p.nargs == -1 else ''}" for p in arguments)


def _command_page(name: str, command: Any, names: list[str]) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    others = [rf"\fBnic\-{other}\fR(1)" for other in names if other != name]
    parts = [
        _head(f"nic-{name}", _first_line(command)),
        _section("SYNOPSIS", rf"\fBnic {name}\fR [\fIOPTIONS\fR] {_usage(command)}"),
        _section("DESCRIPTION", *_paragraphs(command.help)),
        *(_section(p.metavar, _text(p.help)) for p in arguments),
        _section("OPTIONS", *_options(command.params)),
        *_ending(),
        _section("EXAMPLES", *_examples(EXAMPLES[name])),
        *(roff.body(manual.source(MORE[name]), below=True) if name in MORE else ()),
        _section("SEE ALSO", ", ".join([r"\fBnic\fR(1)", *others])),
    ]
    return "\n".join(parts) + "\n"


def _head(name: str, what: str) -> str:
    return roff.head(name, 1, what[:1].lower() + what[1:].rstrip("."))


def _ending() -> list[str]:
    return [
        _section("EXIT STATUS", *_terms(EXIT_STATUS.items())),
        _section("ENVIRONMENT", *_terms(ENVIRONMENT.items())),
        _section("FILES", *_terms(FILES.items())),
    ]


def _section(title: str, *lines: str) -> str:
    return "\n".join([f".SH {title}", *lines])


def _terms(items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, what in items:
        yield f".TP\n\\fB{_text(term)}\\fR\n{_text(what)}"


def _examples(items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for line, what in items:
        yield f".TP\n\\fB{_text(line)}\\fR\n{_text(what[:1].upper() + what[1:])}."


def _options(params: Iterable[Any]) -> Iterator[str]:
    panel = None
    shown = [p for p in params if p.param_type_name == "option" and p.name not in COMPLETION]
    shown = [p for p in shown if not p.hidden]
    for param in sorted(shown, key=_panel_order):
        if param.rich_help_panel not in (panel, None):
            panel = param.rich_help_panel
            yield f".SS {panel}"
        yield _option(param)
    yield ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow a short help and exit."


def _option(param: Any) -> str:
    names = ", ".join(rf"\fB{_text(name)}\fR" for name in param.opts)
    metavar = rf" \fI{_text(param.metavar)}\fR" if param.metavar else ""
    return f".TP\n{names}{metavar}\n{_text(param.help)}"


def _panel_order(param: Any) -> int:
    order = (COMMON, OUTPUT, ADVANCED)
    return order.index(param.rich_help_panel) if param.rich_help_panel in order else -1


def _first_line(command: Any) -> str:
    return str(command.help).strip().partition("\n")[0]


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        yield (".PP\n" if number else "") + _text(" ".join(paragraph.split()))


_text = roff.escaped


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "man"))
