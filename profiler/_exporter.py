"""Writes models on all cores, which stand idle whenever something is timed.

As a program (``python -m profiler._exporter RECIPE BATCH``) it reads one request per line,
``[vector or null, path]`` in JSON, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from luts.space import OperatorSpace
from luts.spaces import SPACES, load_space

_MOST_HELPERS = 3
_DONE = "done\n"


def export(space: OperatorSpace, vector: tuple[int, ...] | None, path: Path) -> Path:
    """Writes one model; no vector means the reference."""
    architecture = None if vector is None else space.decode(np.array(vector, dtype=np.int64))
    space.export_onnx(architecture, path)
    return path


class Exporter:
    """Exports a space's networks, with one helper process for every further core.

    A helper can only load a space that has a name; any other is exported here alone. A model that
    a helper did not deliver is exported here too, so that its error shows.

    Args:
        space: the space.
        helpers: processes beside this one; by default as many as there are further cores, but
            few, because each loads the libraries anew.
    """

    def __init__(self, space: OperatorSpace, helpers: int | None = None) -> None:
        self._space = space
        if helpers is None:
            helpers = min(_MOST_HELPERS, (os.cpu_count() or 1) - 1)
        named = space.name in SPACES.names() and type(load_space(space.name)) is type(space)
        command = [sys.executable, "-m", "profiler._exporter", space.name, str(space.batch)]
        # Tracing waits at barriers for a busy core where it uses several threads.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self._helpers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, bufsize=1, env=environment)
            for _ in range(helpers if named else 0)
        ]

    def export(
        self, vectors: Mapping[int, tuple[int, ...] | None], folder: Path
    ) -> dict[int, Path]:
        """Writes models; when it returns, the helpers are idle.

        Args:
            vectors: number to choice indices (None: the reference).
            folder: where they are written.

        Returns:
            Number to ONNX file.
        """
        paths = {number: folder / f"{number}.onnx" for number in vectors}
        waiting = list(vectors)
        shares = 1 + len(self._helpers)
        for place, helper in enumerate(self._helpers):
            for number in waiting[place + 1 :: shares]:
                _ask(helper, vectors[number], paths[number])
        for number in waiting[::shares]:
            export(self._space, vectors[number], paths[number])
        for place, helper in enumerate(self._helpers):
            for number in waiting[place + 1 :: shares]:
                if not _answered(helper) or not paths[number].exists():
                    export(self._space, vectors[number], paths[number])
        return paths

    def close(self) -> None:
        """Ends the helpers, which stop when nothing more can be asked."""
        for helper in self._helpers:
            with suppress(BrokenPipeError):
                helper.communicate()


def _ask(helper: subprocess.Popen[str], vector: tuple[int, ...] | None, path: Path) -> None:
    assert helper.stdin is not None
    with suppress(BrokenPipeError):
        helper.stdin.write(json.dumps([vector, str(path)]) + "\n")


def _answered(helper: subprocess.Popen[str]) -> bool:
    assert helper.stdout is not None
    # Libraries may print lines of their own before.
    return any(line == _DONE for line in iter(helper.stdout.readline, ""))


def _serve(recipe: str, batch: int) -> None:
    space = load_space(recipe, batch)
    for line in sys.stdin:
        request: list[Any] = json.loads(line)
        vector, path = request
        export(space, None if vector is None else tuple(vector), Path(path))
        print(_DONE, end="", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _serve(sys.argv[1], int(sys.argv[2]))
