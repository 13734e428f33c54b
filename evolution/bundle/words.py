"""What a bundle says to people: its README and its licences."""

from __future__ import annotations

from importlib.resources import files

from evolution.bundle.manifest import Expected, Manifest
from evolution.bundle.subject import Subject
from luts.target import load_target

README, LICENCES = "README.md", "LICENCES.md"
_PACKAGES = {
    "onnx": "onnxruntime", "openvino": "openvino", "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt-rtx-cu13", "torch": "torch",
}


def readme(manifest: Manifest) -> str:
    """The page that a stranger reads first."""
    facts, target = manifest.model, load_target(manifest.target)
    found = manifest.checked
    metrics = ", ".join(f"{name} {value:.4g} (PyTorch {found.torch_metrics[name]:.4g})"
                        for name, value in found.metrics.items())
    return _read(README).format(
        title=f"{facts.file}: a network of {manifest.recipe} in {facts.precision} for "
              f"{target.name}",
        needs=_needs(manifest, cpu=target.kind == "cpu"),
        device="" if target.kind == "cpu" else " --device cuda:0",
        budget_ms=manifest.budget_ms,
        threads=f" on {manifest.threads} thread(s)" if target.kind == "cpu" else "",
        latency=_latency(manifest.expected), metrics=f"Metrics of the file: {metrics}, by "
                                                     f"{found.on}.",
    )


def licences(subject: Subject, recipe: str) -> str:
    """Whose the parts of a bundle are, and under which terms.

    Args:
        subject: what was exported.
        recipe: name of its recipe.
    """
    origin = (f"The search space follows {subject.paper}; its code is not part of it."
              if subject.paper else
              f"The search space is that of recipe {recipe}, which names no paper.")
    return _read(LICENCES).format(data_terms=subject.task.data_terms, origin=origin)


def _needs(manifest: Manifest, *, cpu: bool) -> str:
    facts = manifest.model
    package = _PACKAGES[facts.format] + ("-gpu" if facts.format == "onnx" and not cpu else "")
    version = f"=={facts.runtime_version.partition('+')[0]}" if facts.runtime_version else ""
    also = ["metronas"] if facts.format == "torch" else []
    also += [] if cpu else ["a driver"]
    rest = f" and {' and '.join(also)} are" if also else " is"
    return f"what `pip install numpy {package}{version}` installs{rest} there"


def _latency(expected: Expected) -> str:
    if expected.latency_ms is None:
        return f"unknown; {expected.of}"
    kind = ("measured on the target" if expected.basis == "measured"
            else "PREDICTED, never measured")
    return (f"{expected.latency_ms:.3f} ms, {kind} ({expected.of}); between "
            f"{expected.low_ms:.3f} and {expected.high_ms:.3f} ms ({expected.interval})")


def _read(name: str) -> str:
    return (files("evolution.bundle") / name).read_text(encoding="utf-8")
