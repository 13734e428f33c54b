"""Workers for all devices of a cluster, hired again where they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evolution.service.worker import crew
from evolution.service.worker.crew import Crew, End, Hiring, Place, places
from luts.errors import UserError
from tests.evolution.service.test_commands import call, refused


def node(name: str, cpus: float = 8.0, gpus: float = 0.0, *, alive: bool = True
         ) -> dict[str, Any]:
    return {"NodeID": name, "NodeManagerHostname": f"{name}.local", "Alive": alive,
            "Resources": {"CPU": cpus, **({"GPU": gpus} if gpus else {})}}


@dataclass
class FakeHiring(Hiring):
    """A cluster whose looks are listed beforehand.

    Attributes:
        script: what happens at each look: changes this cluster.
        there: machines now.
        ends: by place, how its worker ends now.
        hired: places in the order of their workers.
        events: what was asked of hands.
    """

    script: list[Callable[[FakeHiring], object]]
    there: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[tuple[str, int], End] = field(default_factory=dict)
    hired: list[tuple[str, int]] = field(default_factory=list)
    events: list[tuple[str, str, int]] = field(default_factory=list)
    crew: Crew | None = None

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        assert self.crew is not None
        if self.script:
            self.script.pop(0)(self)
        else:
            self.crew.stopping.set()
        return self.there

    def hire(self, place: Place) -> list[Any]:
        self.hired.append((place.node, place.number))
        return [place]

    def ended(self, hands: Sequence[Any], wait_s: float) -> Sequence[tuple[Any, End]]:
        found = [(hand, self.ends.pop((hand[0].node, hand[0].number))) for hand in hands
                 if (hand[0].node, hand[0].number) in self.ends]
        return found

    def ask_to_stop(self, hand: Any) -> None:
        self.events.append(("stop", hand[0].node, hand[0].number))
        if hand[0].node != "deaf":
            self.ends[hand[0].node, hand[0].number] = End(0, "")

    def dismiss(self, hand: Any) -> None:
        self.events.append(("dismiss", hand[0].node, hand[0].number))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_AGAIN_S", 0.0)
    monkeypatch.setattr(crew, "_STOPPING_S", 0.1)


def run(*script: Callable[[FakeHiring], object], device: str = "cpu") -> FakeHiring:
    hiring = FakeHiring(list(script))
    hiring.crew = Crew(hiring, device)
    hiring.crew.run()
    return hiring


def there(*nodes: dict[str, Any]) -> Callable[[FakeHiring], object]:
    def change(hiring: FakeHiring) -> None:
        hiring.there = list(nodes)

    return change


def ends(name: str, number: int, code: int | None) -> Callable[[FakeHiring], object]:
    def change(hiring: FakeHiring) -> None:
        hiring.ends[name, number] = End(code, "error: no token")

    return change


def test_a_worker_for_each_machine_or_for_each_gpu() -> None:
    nodes = [node("a"), node("b", cpus=16, gpus=4), node("c", cpus=0), node("d", alive=False)]
    assert [(one.node, one.cpus, one.gpus) for one in places(nodes, "cpu")] == [
        ("a", 8, 0), ("b", 16, 0)]
    assert [(one.node, one.number, one.cpus, one.gpus) for one in places(nodes, "cuda")] == [
        ("b", number, 4, 1) for number in range(4)]
    assert places(nodes, "cpu")[0].machine == "a.local"


def test_machines_that_join_and_workers_that_end_get_a_worker() -> None:
    found = run(there(node("a")), there(node("a"), node("b")), ends("a", 0, None),
                lambda _: None, ends("b", 0, 0), lambda _: None)
    assert found.hired == [("a", 0), ("b", 0), ("a", 0), ("b", 0)]
    assert sorted(found.events) == [("stop", "a", 0), ("stop", "b", 0)]


def test_a_machine_that_left_gets_its_worker_when_it_is_back() -> None:
    lost = node("a", alive=False)
    found = run(there(node("a"), node("b")), ends("a", 0, None), there(lost, node("b")),
                there(lost, node("b")), there(node("a"), node("b")))
    assert found.hired == [("a", 0), ("b", 0), ("a", 0)]


def test_a_worker_that_does_not_stop_is_ended() -> None:
    found = run(there(node("deaf")))
    assert found.events == [("stop", "deaf", 0), ("dismiss", "deaf", 0)]


def test_refused_workers_are_not_hired_again_and_end_it_where_all_are() -> None:
    found = run(there(node("a"), node("b")), ends("a", 0, 2), lambda _: None, lambda _: None)
    assert found.hired == [("a", 0), ("b", 0)]
    with pytest.raises(UserError, match="the worker on a.local ended: error: no token"):
        run(there(node("a")), ends("a", 0, 2), lambda _: None)


def test_a_cluster_without_such_devices_is_refused() -> None:
    with pytest.raises(UserError, match="--device cuda: no machine of the cluster has one"):
        run(there(node("a")), device="cuda")


@pytest.mark.parametrize(("arguments", "message"), [
    (("--ray", "local", "--device", "cuda:0"), "'cuda:0' must be cpu or cuda"),
    (("--ray", "local", "--server", "queue"), "'queue' must be such as"),
    ((), "--ray"),
])
def test_wrong_input_ends_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(call("evolution.cluster", *arguments, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []
