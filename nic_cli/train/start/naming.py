"""What a training makes, in a name of its own: files name the model that they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from nic_cli.train.export import keeps_id
from nic_cli.train.recipe import Recipe
from nic_cli.zoo.model_folder import Parts
from nic_cli.zoo.registry import EMBEDDED, TABLE
from nic_cli.zoo.research_folder import ResearchParts

Origin = Parts | ResearchParts | None
LONGEST = 48  # characters that a date is added to: a name has 64 at most


def named(recipe: Recipe, origin: Origin, asked: str | None, labels: Mapping[str, str]) -> Recipe:
    """The recipe with the name that its model will have.

    asked: the name that the user wants, if any; labels: those of the run that is resumed. Else it is the
    recipe's, with the date where that is another model's: one that nic knows, or starts from here.
    """
    written = recipe.model.name
    name = asked or (labels["name"] if labels.get("recipe") == written else _own(recipe, origin))
    return replace(recipe, model=replace(recipe.model, name=name))


def _own(recipe: Recipe, origin: Origin) -> str:
    written, others = recipe.model.name, {*EMBEDDED, *TABLE}
    if origin is not None:
        if written == origin.config.name and keeps_id(recipe, origin):
            return written
        others.add(origin.config.name)
    if written not in others:
        return written
    dated = f"{written[:LONGEST]}-{date.today():%Y%m%d}"
    return next(n for n in (dated, *map(f"{dated}-{{}}".format, range(2, 9))) if n not in others)


def summary(recipe: Recipe, origin: Origin) -> str:
    """One line: the name, from which model, the parts that each phase trains, and whether files stay."""
    phases = "; ".join(f"{p.name} trains {' and '.join(p.train) or 'all parts'}" for p in recipe.phases)
    name = recipe.model.name
    if origin is None:
        return f"training {name} from nothing: {phases}; its id will be a new one"
    start = origin.config.name
    said = f"training {name} from {start} (id {origin.id.hex()}): {phases}"
    if keeps_id(recipe, origin):
        return f"{said}; the id stays: files of {start} decode with it"
    return f"{said}; its id will be a new one: files of {start} do not decode with it"
