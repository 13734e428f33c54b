"""A bundle's model as a runtime that the profiler can time."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from evolution.bundle.choice import ENGINES
from evolution.bundle.manifest import GOLDEN, Manifest
from evolution.bundle.standalone import pairs_of, worst_difference
from luts.errors import UserError
from profiler.runtimes import GraphNode, NodeTimes, Runtime, Session


class BundleRuntime(Runtime):
    """Opens the model of a bundle as the bundle's own ``verify.py`` does.

    The code that runs is this package's, never what lies in the bundle. Other files, such as the
    probe of the machine's pace, are opened by the runtime that the bundle is for.

    Args:
        folder: the bundle.
        manifest: of it.
        usual: the runtime that it is for, on the device.
    """

    def __init__(self, folder: Path, manifest: Manifest, usual: Runtime) -> None:
        self.name, self.extra, self.kinds = usual.name, usual.extra, usual.kinds
        self.device = usual.device
        self._usual = usual
        self._folder = folder
        self._manifest = manifest

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those of the runtime that it is for."""
        return self._usual.precisions

    @property
    def model(self) -> Path:
        """The file that is timed."""
        return self._folder / self._manifest.model.file

    def available(self) -> bool:
        """Whether the runtime that it is for is installed."""
        return self._usual.available()

    def version(self) -> str:
        """Of the runtime that it is for."""
        return self._usual.version()

    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        """Loads the bundle's model, or any other with the usual runtime; see `Runtime.open`."""
        if model != self.model:
            return self._usual.open(model, threads=threads, precision="fp32", profile=profile)
        opened = _Session(self._load())
        opened.model.prepare(pairs_of(self._golden())[0][0])
        return opened

    def difference(self) -> float:
        """Largest difference from the golden outputs, measured as the bundle says.

        Raises:
            UserError: the model cannot be loaded or executed here.
        """
        model = self._load()
        try:
            return worst_difference(model, self._golden(), self._manifest.tolerance.measure)
        except Exception as error:  # noqa: BLE001 - the errors of runtimes have no common class
            # Left alone, Python would end with the exit code of FAIL.
            raise UserError("the model was loaded and cannot be executed here "
                            f"({error})") from None

    def _load(self) -> Any:
        facts = self._manifest.model
        runner = "tensorrt" if facts.format in ENGINES else facts.runtime
        try:
            module: Any = importlib.import_module(f"evolution.bundle.runners.{runner}")
            return module.Model(self._folder, self._manifest.model_dump(), self.device)
        except ImportError as error:
            raise UserError(f"{error}; this bundle needs {facts.runtime}") from None
        except ValueError as error:
            raise UserError(str(error)) from None

    def _golden(self) -> dict[str, Any]:
        with np.load(self._folder / GOLDEN, allow_pickle=False) as file:
            return dict(file)


class _Session(Session):
    def __init__(self, model: Any) -> None:
        self.model = model

    def run(self) -> None:
        self.model.run()

    def node_times(self, runs: int) -> NodeTimes:
        raise RuntimeError("a bundle's model is timed as a whole")

    def graph(self) -> list[GraphNode]:
        raise RuntimeError("a bundle's model is timed as a whole")

    def close(self) -> None:
        self.model = None
