"""From an ONNX file or a torch module to an Estimate."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from luts.errors import CorruptFileError, UserError
from luts.library import OperatorLibrary, find_library, library_folder
from luts.operator import Operator
from luts.target import load_target
from predictor._estimate_record import Estimate, Known, OperatorEstimate
from predictor.estimation.estimator import Estimator, Whole

RUNTIME = "onnxruntime"
# What libraries are measured in.
PRECISIONS = ("fp32",)
FOLDER = "estimator"
LEVEL = 0.95


def estimate(
    model: Any, example_input: Any = None, *, target: str = "cpu", threads: int = 1,
    precision: str = "fp32", inputs: Mapping[str, tuple[int, ...]] | None = None,
    strict: bool = False, level: float = LEVEL, batch: int = 1, accept_estimate: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Estimate:
    """Estimates the latency of a model on a target without timing it.

    Args:
        model: path of an ONNX file, or a ``torch.nn.Module``.
        example_input: for a module, a tensor or the tuple of its arguments.
        target: target name.
        threads: threads within one operator.
        precision: arithmetic precision.
        inputs: for a file with free axes, shape by name of input.
        strict: whether kinds of operators that were never measured are refused.
        level: share of models whose latency the interval must hold.
        batch: so many times the inputs of the model, on targets that were not measured.
        accept_estimate: whether a target will do on which nothing was ever measured.
        say: told what takes long.

    Raises:
        UnknownNameError: no such target, or (strict) kinds that were never measured.
        UserError: the target has no library, the precision is not supported, or the model cannot
            be used.
    """
    if load_target(target).kind == "gpu":
        from predictor.unmeasured.models import estimate_unmeasured

        if threads != 1:
            raise UserError(f"--threads {threads}: '{target}' is a GPU, whose estimate does not "
                            "depend on threads; leave them out")
        with _as_file(model, example_input) as (path, shown, scratch):
            return estimate_unmeasured(
                path, shown, scratch, target=target, precision=precision, inputs=inputs or {},
                batch=batch, level=level, strict=strict, accept=accept_estimate)
    if batch != 1:
        raise UserError(f"--batch {batch}: on '{target}' give the shapes of the inputs instead, "
                        "such as --input image:8x3x224x224")
    estimator, library = load_estimator(target, threads, precision, level, say)
    with _as_file(model, example_input) as (path, shown, scratch):
        operators = executed_operators(path, inputs or {}, scratch, threads)
    whole = estimator(operators)
    unknown = sorted({operator.kind for operator, source in
                      zip(whole.priced.operators, whole.priced.sources, strict=True)
                      if source == "unknown"})
    if unknown and strict:
        raise UserError(
            f"'{shown}' has operators of kinds that the library of '{target}' lacks: "
            f"{', '.join(unknown)}; without --strict they are guessed, with a wide bound")
    info = library.info
    return Estimate(
        model=shown, target=target, runtime=info.runtime, precision=precision, threads=threads,
        library=library.identity, level=level, latency_ms=whole.latency_ms,
        lower_ms=whole.lower_ms, upper_ms=whole.upper_ms,
        measured_share=whole.priced.share("measured"),
        estimated_share=whole.priced.share("estimated"),
        unknown_share=whole.priced.share("unknown"), unknown_kinds=tuple(unknown),
        operators=_operators(whole),
    )


@contextmanager
def _as_file(model: Any, example_input: Any) -> Iterator[tuple[Path, str, Path]]:
    """File of a model, its name, and a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="metronas-") as name:
        scratch = Path(name)
        if isinstance(model, str | Path):
            yield Path(model), Path(model).name, scratch
            return
        if example_input is None:
            raise UserError("a module needs an example_input: a tensor, or a tuple of them")
        from predictor._module_export import export_module

        export_module(model, example_input, scratch / "module.onnx")
        yield scratch / "module.onnx", type(model).__name__, scratch


def executed_operators(
    path: Path, inputs: Mapping[str, tuple[int, ...]], scratch: Path, threads: int = 1,
    *, fused: bool = True,
) -> list[Operator]:
    """Operators that the runtime executes for an ONNX file, in order.

    Args:
        path: ONNX file.
        inputs: shape by name of input, for those with free axes.
        scratch: folder for changed copies.
        threads: threads within one operator.
        fused: whether as this processor executes it, or as the file has it.

    Raises:
        UserError: the file cannot be used.
    """
    from profiler.executed import executed_graph
    from profiler.lowering import lower_node
    from profiler.reading import checked_model

    named = checked_model(path, inputs, scratch)
    return [lower_node(node) for node in executed_graph(named.path, threads=threads,
                                                         fused=fused)]


def load_estimator(
    target: str, threads: int = 1, precision: str = "fp32", level: float = LEVEL,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Estimator, OperatorLibrary]:
    """The estimator of a target's library; fitted and kept beside it when first asked for.

    Args:
        target: target name.
        threads: threads within one operator.
        precision: arithmetic precision.
        level: share of models whose latency the interval must hold.
        say: told what takes long.

    Raises:
        UserError: no such target, precision or library, or a level outside 0 to 1.
        CorruptFileError: the library is damaged.
    """
    load_target(target)
    if precision not in PRECISIONS:
        raise UserError(f"there are no estimates in precision '{precision}'; there are in: "
                        f"{', '.join(PRECISIONS)}")
    library = find_library(target, threads=threads, runtime=RUNTIME, precision=precision)
    folder = library_folder(target, RUNTIME, precision, threads) / f"{FOLDER}-{level:g}"
    if folder.is_dir():
        try:
            return Estimator.load(folder, library), library
        except (UserError, CorruptFileError):
            say("the estimator beside the library is of another one, or damaged")
    say("fitting the library's operators; this is done once, and takes about a minute")
    estimator = Estimator.fit(library, level=level, say=say)
    try:
        estimator.save(folder)
    except UserError:
        say(f"{folder} cannot be written, so the next estimate fits again")
    return estimator, library


def _operators(whole: Whole) -> tuple[OperatorEstimate, ...]:
    total_ms: dict[tuple[Operator, Known], float] = defaultdict(float)
    count: dict[tuple[Operator, Known], int] = defaultdict(int)
    priced = whole.priced
    for operator, latency_ms, source in zip(priced.operators, priced.latency_ms, priced.sources,
                                            strict=True):
        total_ms[operator, source] += float(latency_ms)
        count[operator, source] += 1
    whole_ms = float(priced.latency_ms.sum())
    found = [
        OperatorEstimate(operator=operator.key, kind=operator.kind, source=source,
                         count=count[operator, source], latency_ms=ms, share=ms / whole_ms)
        for (operator, source), ms in total_ms.items()
    ]
    return tuple(sorted(found, key=lambda item: -item.latency_ms))
