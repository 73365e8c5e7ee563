"""How commands declare their options: groups of them, what a shell completes, and what is no number."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from nic_cli.errors import UsageError

COMMON, OUTPUT, ADVANCED = "Common", "Output", "Advanced"


Words = Sequence[str] | Callable[[], Sequence[str]]
"""The values that a shell may complete, or what gives them."""


def flag(*names: str, panel: str, help: str, hidden: bool = False) -> Any:
    """Declare an option without a value."""
    return typer.Option(*names, metavar="", rich_help_panel=panel, help=help, hidden=hidden)


def value(*names: str, metavar: str, panel: str, help: str, words: Words | None = None) -> Any:
    """Declare an option with a value; help names range and default, most of which lie in `settings`.

    words: what the shell completes; None for those that a metavar like `a|b` names.
    """
    named = [word for word in metavar.split("|") if word.islower() or word[:1].isdigit()]
    return typer.Option(
        *names,
        metavar=metavar,
        show_default=False,
        rich_help_panel=panel,
        help=help,
        autocompletion=completing(words or (named if "|" in metavar else ())),
    )


def completing(words: Words) -> Callable[[str], list[str]]:
    """Give what Typer asks for completions: the last one of values with commas, or the value."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [
            f"{before}{comma}{word}"
            for word in (words() if callable(words) else words)
            if word.startswith(last)
        ]

    return complete


def model_names() -> list[str]:
    """The models that are here, for completion."""
    from nic_cli.zoo.find import everything

    return [place.name for place in everything()]


def model(help: str) -> Any:
    """Declare the option that names a model."""
    return value("-m", "--model", metavar="NAME", panel=COMMON, help=help, words=model_names)


def with_numbers(annotation: Any) -> Any:
    """The annotation of an option; one that takes a number says in our words what is none."""
    kind, *about = get_args(annotation) or (annotation,)
    option = next((one for one in about if isinstance(one, OptionInfo)), None)
    wanted = {float, int} & {kind, *get_args(kind)}
    if option is None or not wanted or option.count:
        return annotation
    number = wanted.pop()

    def parse(text: object) -> float:
        try:
            if not str(text).isascii() or set(str(text)) & set("_ "):
                raise ValueError
            return number(text) + 0  # type: ignore[no-any-return]  # -0 is 0
        except (ValueError, TypeError):
            whole = "whole " if number is int else ""
            # In an annotation Typer takes the first name for a default, until it makes the option.
            name = [name for name in (option.default, *(option.param_decls or ())) if name][-1]
            raise UsageError(f"{name}: {text!r} cannot be used: give a {whole}number") from None

    return Annotated[kind, replace_option(option, parse)]


def replace_option(option: OptionInfo, parse: Callable[[object], float]) -> OptionInfo:
    """A copy of a declared option with this parser; declarations are shared between commands."""
    made = copy(option)
    made.parser = parse
    return made


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """Make of a command that takes groups of options, dataclasses as above, one that Typer can read."""
    own, parameters = [], []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        if not is_dataclass(parameter.annotation):
            own.append(name)
            annotation = with_numbers(parameter.annotation)
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
            continue
        groups[name] = kind = parameter.annotation
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            option = inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=with_numbers(hints[field.name]),
            )
            parameters.append(option)

    def run(**given: Any) -> int:
        made = {
            name: kind(**{field.name: given[field.name] for field in fields(kind)})
            for name, kind in groups.items()
        }
        return command(**{name: given[name] for name in own}, **made)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
