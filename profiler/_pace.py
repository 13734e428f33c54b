"""How fast the machine is at this moment: a small fixed model, timed between inferences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from profiler._clock import Clock
from profiler._robust import undisturbed
from profiler._sampling import warm_up
from profiler.runtimes import Runtime, Session

PROBE = "pace.onnx"
# Three convolutions whose maps fit a second-level cache: of the probes that were tried, the one
# whose time goes most with that of whole networks (docs/decisions/pace.md).
_CHANNELS, _HEIGHT, _WIDTH, _LAYERS = 32, 96, 128, 3
# Small networks would otherwise take less time than the probing of them.
_MOST_SHARE = 0.1
# One reading of 4 ms says little of an inference of a second: long ones get several around them.
_MOST_READINGS = 8
_WARM_UP_S = 0.1


class PaceProbe:
    """Times the probe whenever that is due.

    Args:
        session: the probe, loaded.
        clock: clocks to read.
    """

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._next_s = clock.wall_s()
        self._last_ms = 0.0

    @property
    def due(self) -> bool:
        """Whether so much time has passed that another timing costs little."""
        return self._clock.wall_s() >= self._next_s

    def times_ms(self, beside_ms: float) -> list[float]:
        """Times the probe after an inference, in ms: the longer that took, the more often.

        The first run is not counted. It finds the caches as the inference left them, so that
        readings would be the lower the more of them there are, and the pace would depend on the
        size of the network.

        Args:
            beside_ms: time of the inference; all runs together take a small share of it, but for
                the reading that there always is.
        """
        start = self._clock.wall_s()
        self._session.run()
        runs = int(_MOST_SHARE * beside_ms / max(self._last_ms, 1e-3))
        times = [self._time_ms() for _ in range(max(1, min(_MOST_READINGS, runs - 1)))]
        end = self._clock.wall_s()
        self._next_s = end + (end - start) * (1 / _MOST_SHARE - 1)
        return times

    def _time_ms(self) -> float:
        start = self._clock.wall_s()
        device_ms = self._session.run()
        self._last_ms = 1e3 * (self._clock.wall_s() - start)
        return self._last_ms if device_ms is None else device_ms


@contextmanager
def open_probe(
    runtime: Runtime, folder: Path, clock: Clock, *, threads: int, precision: str
) -> Iterator[PaceProbe]:
    """Keeps the probe loaded, in the runtime whose networks are timed.

    Args:
        runtime: what executes it.
        folder: where its file is written.
        clock: clocks to read.
        threads: threads within one operator.
        precision: arithmetic precision.
    """
    model = write_probe(folder / PROBE)
    with closing(runtime.open(model, threads=threads, precision=precision)) as session:
        warm_up(session.run, clock, seconds=_WARM_UP_S)
        yield PaceProbe(session, clock)


def write_probe(path: Path) -> Path:
    """Writes the probe as ONNX; it is the same for ever, so that paces can be compared."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    shape = (1, _CHANNELS, _HEIGHT, _WIDTH)
    nodes, weights, tensor = [], [], "in"
    for layer in range(_LAYERS):
        values = rng.standard_normal((_CHANNELS, _CHANNELS, 3, 3)) / np.sqrt(9 * _CHANNELS)
        weights.append(numpy_helper.from_array(values.astype(np.float32), f"weight{layer}"))
        out = "out" if layer == _LAYERS - 1 else f"map{layer}"
        nodes.append(helper.make_node("Conv", [tensor, f"weight{layer}"], [out],
                                      name=f"conv{layer}", pads=[1, 1, 1, 1]))
        tensor = out
    graph = helper.make_graph(
        nodes, "pace", [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)], weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              path)
    return path


def pace_of(times_ms: list[float]) -> float | None:
    """Pace beside one timing in ms: the mean of its probes, without those far above; None: none."""
    if not times_ms:
        return None
    times = np.array(times_ms)
    return float(times[undisturbed(times)].mean())
