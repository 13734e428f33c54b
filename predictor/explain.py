"""Command line: which decisions and which operators cost the time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from predictor.explanation import Explanation


def main(
    *,
    target: Annotated[str, typer.Option(help="Target of the predictor, such as cpu.")],
    recipe: arguments.UsedRecipe = "flownas-small",
    threads: arguments.NetworkThreads = 1,
    architecture: Annotated[
        str, typer.Option(help="fastest, slowest, typical, or a JSON file with an architecture, "
                          "such as a run's result.json.")
    ] = "typical",
    top: Annotated[int, typer.Option(min=1, help="Operators to list.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampled architectures.")] = 0,
    html: Annotated[
        Path | None, typer.Option(help="File for the plots.", dir_okay=False)
    ] = None,
    json_: arguments.AsJson = False,
) -> None:
    """Says what each decision adds to the predicted latency, and each operator of one architecture.

    Decisions: SHAP values of boosted trees that were fitted to the predictor over thousands of
    random architectures; their error against the predictor is printed with them.

    Examples:
        python -m predictor.explain --target cpu --html explain.html

        python -m predictor.explain --target cpu --architecture runs/quickstart/result.json --json
    """
    import json

    from luts.files import writable_folder
    from predictor.explanation import explain, pick_architecture
    from predictor.load import load_predictor, load_space_and_table

    if html is not None:
        writable_folder(html.parent)
    space, table = load_space_and_table(target, recipe, threads)
    predictor = load_predictor(target, recipe, threads)
    vector = pick_architecture(architecture, predictor, seed)
    found = explain(space, table, predictor, vector, seed=seed)
    if html is not None:
        from predictor._explain_page import write_page

        write_page(html, found, f"{recipe} on {target}")
    if json_:
        print(json.dumps(found.as_json(), allow_nan=False))
    else:
        _show(found, top)


def _show(found: Explanation, top: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    shown = Table(title=f"decisions: mean effect over random architectures (mean "
                  f"{found.mean_ms:.3f} ms), and effect here")
    for head in ("decision", "± ms", "choices, ms each adds on average", "chosen", "adds ms"):
        shown.add_column(head, justify="right" if "ms" in head and "," not in head else "left")
    for item in found.decisions:
        choices = "  ".join(f"{value}: {ms:+.2f}" for value, ms in item.by_choice_ms.items())
        shown.add_row(item.name, f"{item.mean_effect_ms:.3f}", choices, str(item.chosen),
                      f"{item.effect_ms:+.3f}")
    console.print(shown)
    console.print(f"trees behind these values: {found.surrogate_error:.2%} from the predictor on "
                  "architectures that they had not seen")
    operators = Table(title=f"operators of this architecture: {found.latency_ms:.3f} ms predicted, "
                      f"at most {found.upper_ms:.3f} ms")
    for head in ("operator", "executions", "ms", "share"):
        operators.add_column(head, justify="left" if head == "operator" else "right",
                             overflow="fold")
    for operator in found.operators[:top]:
        operators.add_row(operator.key, str(operator.executions), f"{operator.latency_ms:.3f}",
                          f"{operator.share:.1%}")
    rest = sum(operator.share for operator in found.operators[top:])
    operators.add_row(f"{max(0, len(found.operators) - top)} more", "", "", f"{rest:.1%}")
    console.print(operators)


if __name__ == "__main__":
    cli.run(main)
