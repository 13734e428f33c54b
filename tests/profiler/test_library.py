from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from luts.errors import CorruptFileError, UserError
from luts.library import SIDECAR, OperatorLibrary, find_library, library_folder
from luts.paths import ROOT_VARIABLE
from profiler._clock import Clock, SystemClock
from profiler.executed import executed_graph
from profiler.library.campaign import LibraryCampaign
from profiler.library.families import FAMILIES, draw, family_of
from profiler.lowering import lower_node
from profiler.runtimes import load_runtime
from profiler.settings import Progress, Settings, StoppingRule
from tests.commands import assert_refused, run_module

BRIEF = StoppingRule(min_samples=3, min_seconds=0, max_seconds=0.05)
SETTINGS = Settings(rule=BRIEF, canary_rule=BRIEF, canary_every=2, profiled_runs=1, patience_s=0.0)


class Ahead(SystemClock):
    """The machine's clock, which can be put forward."""

    ahead_s = 0.0

    def wall_s(self) -> float:
        return super().wall_s() + self.ahead_s


def campaign(folder: Path, networks: int = 4, clock: Clock | None = None) -> LibraryCampaign:
    return LibraryCampaign(load_runtime("onnxruntime"), folder, settings=SETTINGS,
                           networks=networks, clock=clock)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    campaign(folder).run(budget_s=600)
    return folder


def test_every_family_can_be_executed(tmp_path: Path) -> None:
    first = {family_of(number): number for number in range(19, -1, -1)}
    assert set(first) == set(FAMILIES)
    for family, number in first.items():
        path = tmp_path / f"{family}.onnx"
        drawn = draw(number, 1, path)
        operators = [lower_node(node) for node in executed_graph(path)]
        assert drawn.family == family
        products = sum(o.flops for o in operators
                       if o.kind.endswith("conv")
                       or o.kind in ("linear", "matmul", "conv_transpose"))
        # Whole blocks of channels, and biases, come on top of what was designed.
        assert 0.98 * drawn.flops < products < 8 * drawn.flops


def test_a_network_is_fixed_by_number_and_seed(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.onnx", "b.onnx", "c.onnx")]
    drawn = [draw(30, seed, path) for seed, path in zip((0, 0, 1), paths, strict=True)]
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    assert drawn[0] == drawn[1] != drawn[2]
    onnx.checker.check_model(str(paths[0]))


def test_steps_and_gaps_add_up_to_the_whole(measured: Path) -> None:
    library = OperatorLibrary.load(measured)
    assert library.info.complete
    assert [n.network for n in library.networks] == [0, 1, 2, 3]
    assert [n.family for n in library.networks] == [family_of(n) for n in range(4)]
    assert library.networks[0].visits == 2
    assert library.info.pace.median_ms > 0
    for network in library.networks[1:]:  # the first is a median of two visits
        steps = [s.latency_ms for s in library.occurrences if s.network == network.network]
        assert sum(steps) + network.unattributed_ms == pytest.approx(network.latency_ms)
        assert len(steps) > 10


def test_saved_and_read_back(measured: Path, tmp_path: Path) -> None:
    library = OperatorLibrary.load(measured)
    library.save(tmp_path / "copy")
    assert OperatorLibrary.load(tmp_path / "copy").identity == library.identity


def test_an_interrupted_campaign_goes_on(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        campaign(tmp_path, 3).run(budget_s=600, report=stop)
    with pytest.raises(UserError, match="continue it with --resume"):
        campaign(tmp_path, 3).run(budget_s=600)
    with pytest.raises(UserError, match="begun with other plan_hash, planned"):
        campaign(tmp_path, 4).run(budget_s=600, resume=True)
    done: list[int] = []
    library = campaign(tmp_path, 3).run(budget_s=600, resume=True,
                                        report=lambda progress: done.append(progress.done))
    assert done == [3, 4]
    assert [n.network for n in library.networks] == [0, 1, 2]
    assert campaign(tmp_path, 3).run(budget_s=600, resume=True).identity == library.identity


def test_time_that_is_used_up_ends_the_campaign(tmp_path: Path) -> None:
    clock, seen = Ahead(), list[int]()

    def second(progress: Progress) -> None:
        seen.append(progress.done)
        clock.ahead_s = 6000.0 * (progress.done == 2)

    campaign(tmp_path / "a", 50, clock).run(budget_s=3000, report=second)
    assert seen == [1, 2]
    with pytest.raises(UserError, match="no network could be timed within"):
        campaign(tmp_path / "b").run(budget_s=-1)


def test_damaged_libraries(measured: Path, tmp_path: Path) -> None:
    library = OperatorLibrary.load(measured)
    library.save(tmp_path)
    sidecar = tmp_path / SIDECAR
    text = sidecar.read_text()
    sidecar.write_text(text.replace('"noise": ', '"noise": 1'))
    with pytest.raises(CorruptFileError, match="edited"):
        OperatorLibrary.load(tmp_path)
    sidecar.write_text(json.dumps({"format": 1}))
    with pytest.raises(CorruptFileError, match="not a library of format"):
        OperatorLibrary.load(tmp_path)
    sidecar.write_text(text)
    parquet = tmp_path / "occurrences.parquet"
    parquet.write_bytes(parquet.read_bytes()[:-1])
    with pytest.raises(CorruptFileError, match="truncated"):
        OperatorLibrary.load(tmp_path)


def test_no_library_and_an_empty_one(measured: Path, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=r"there are: none; build one with: .*build_library"):
        find_library("cpu")
    library = OperatorLibrary.load(measured)
    library.save(library_folder("cpu", "onnxruntime", "fp32", 2))
    with pytest.raises(UserError, match=r"there are: cpu/library-onnxruntime-fp32-b1-t2; build"):
        find_library("cpu", threads=1)
    OperatorLibrary(library.info, [], []).save(library_folder("cpu", "onnxruntime", "fp32", 1))
    with pytest.raises(UserError, match="holds 0 operators of 0 networks; build it again"):
        find_library("cpu", threads=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--device", "tpu"], "unknown device 'tpu'"), ([], "--device"),
     (["--device", "cpu", "--networks", "0"], "--networks"),
     (["--device", "cpu", "--threads", "9999"], "--threads 9999"),
     (["--device", "cpu", "--resume", "--force"], "--force")])
def test_wrong_input_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    assert_refused(run_module("profiler.build_library", *arguments), said)
