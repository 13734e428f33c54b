import json

import pytest
import torch

from luts.errors import UnknownNameError, UserError
from supernet.candidates import candidate_names, find_candidate
from supernet.spaces.flownas import flownas, flownas_small
from supernet.training.plan import Plan
from supernet.weights import load_alone


@pytest.mark.parametrize(("name", "parameters"), [
    ("raft", 5_257_536), ("flownas-raft-k", 5_101_712), ("flownas-raft-s", 5_071_824),
    ("smallest", 4_442_496), ("largest", 7_841_008), ("raft-small", 990_162),
])
def test_baselines_have_the_published_number_of_parameters(name, parameters):
    candidate = find_candidate(flownas(), name)
    with torch.device("meta"):
        assert sum(p.numel() for p in candidate.build().parameters()) == parameters
    assert candidate.name == name and name in candidate_names(flownas())


def test_raft_small_gives_a_flow_of_the_frames_size():
    torch.manual_seed(0)
    network = find_candidate(flownas_small(), "raft-small").build().eval()
    frames = [torch.rand(1, 3, 64, 72) * 255 for _ in range(2)]
    with torch.no_grad():
        flows = network.flows(*frames, 2, all_steps=True)
    assert [tuple(flow.shape) for flow in flows] == [(1, 2, 64, 72)] * 2


def test_any_architecture_is_named_by_its_choices(tmp_path):
    space = flownas_small()
    text = json.dumps(space.decode(space.largest).as_json())
    path = tmp_path / "a.json"
    path.write_text(text)
    found = [find_candidate(space, given) for given in (text, str(path))]
    assert found[0].name == found[1].name
    assert found[0].architecture == found[1].architecture == space.decode(space.largest)
    other = find_candidate(space, json.dumps(space.decode(space.smallest).as_json()))
    assert other.name != found[0].name


def test_other_names_are_refused_with_those_there_are():
    with pytest.raises(UnknownNameError, match="flownas-raft-k.*raft-small"):
        find_candidate(flownas(), "pwc-net")
    with pytest.raises(UnknownNameError, match="known: largest, raft, raft-small, smallest"):
        find_candidate(flownas_small(), "flownas-raft-k")
    for wrong, said in (("{", "not JSON"), ("{}", "missing or unknown"), ("no.json", "no file")):
        with pytest.raises(UserError, match=said):
            find_candidate(flownas(), wrong)


def test_a_baseline_is_trained_and_loaded_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("supernet.training.validation._PAIRS", 1)
    section = {"steps": 1, "batch": 1, "iterations": 1, "precision": "fp32",
               "render": {"height": 64, "width": 64}}
    plan = Plan("flownas-small", section, tmp_path, 0, None, 1, 2, False, None, None, None)
    candidate = find_candidate(flownas_small(), "raft-small")
    with pytest.raises(UserError, match="no weights of raft-small.*--architecture raft-small"):
        load_alone(flownas_small(), candidate, tmp_path)
    plan.train(["raft-small"], torch.device("cpu"), alone=True)
    network, identity = load_alone(flownas_small(), candidate, tmp_path)
    assert identity["raft-small_step"] == 1
    assert sum(p.numel() for p in network.parameters()) == 990_162
