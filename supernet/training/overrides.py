"""What a user wants otherwise than the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from luts.errors import UserError
from supernet.training.common import merged


def overrides(
    section: dict[str, Any], changes: Sequence[str], steps: int | None = None,
    batch: int | None = None, data: str | None = None,
) -> dict[str, Any]:
    """A recipe's training section with what the user wants otherwise, in every stage.

    Args:
        section: of the recipe.
        changes: such as ``fad.pool=mean``; values are YAML, ``null`` switches off.
        steps: steps (None: the recipe's).
        batch: pairs a step (None: the recipe's).
        data: what to train on (None: the recipe's).

    Raises:
        UserError: a change is no ``name=value``, or its value no YAML.
    """
    wanted: dict[str, Any] = {
        name: value for name, value in (("steps", steps), ("batch", batch), ("data", data))
        if value is not None
    }
    for change in changes:
        name, equals, text = change.partition("=")
        if not (equals and name and text):
            raise UserError(f"--set {change}: give NAME=VALUE, such as ema=0.999 or fad.taps=[4]")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            problem = getattr(error, "problem", None) or "cannot be read"
            raise UserError(f"--set {change}: the value is no YAML ({problem})") from None
        for part in reversed(name.split(".")):
            value = {part: value}
        wanted = merged(wanted, value)
    stages = {name: merged(own, wanted) for name, own in section.get("stages", {}).items()}
    return {**merged(section, wanted), **({"stages": stages} if stages else {})}
