import json

import numpy as np
import pytest
import torch
from PIL import Image

from luts.errors import CorruptFileError, UserError
from supernet.data.colour import flow_colours
from supernet.data.pairs import FlowPair
from supernet.data.protocols import KITTI, SINTEL
from supernet.data.rendered import rendered_name
from supernet.evaluate import main as evaluate
from supernet.score import carried_forward, score_pairs
from supernet.tasks.errors import FlowErrors, averaged
from supernet.tasks.flow import flow_metrics
from tests.supernet import datasets


class Still(torch.nn.Module):
    """Predicts zero flow and remembers what it was asked."""

    iterations = 6

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.asked = []

    @property
    def head(self):
        return self

    def features(self, one, two):
        self.frame = one
        return [torch.cat([one, two])], [one]

    def iterate(self, one, two, context, iterations, *, initial=None):
        height, width = self.frame.shape[2:]
        self.asked.append((self.frame, iterations, initial))
        coarse = torch.full((1, 2, height // 8, width // 8), float(len(self.asked)))
        return [torch.zeros(1, 2, height, width)], coarse


def pair_of(name="a", sequence="", height=20, width=28, seed=0):
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randint(256, (2, 1, 3, height, width), generator=generator).float()
    flow = 20 * torch.randn(1, 2, height, width, generator=generator)
    valid = (torch.rand(1, height, width, generator=generator) < 0.5).float()
    return FlowPair(name, frames[0], frames[1], flow, valid, sequence=sequence)


def test_errors_are_counted_by_limit_and_true_speed():
    target = torch.zeros(1, 2, 1, 6)
    target[0, 0, 0] = torch.tensor([0.0, 9.0, 10.0, 39.0, 100.0, 100.0])
    flow = target.clone()
    flow[0, 1, 0] = torch.tensor([0.5, 2.0, 4.0, 6.0, 4.0, 99.0])
    valid = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]]])
    found = FlowErrors.of(flow, target, valid).metrics()
    assert found == pytest.approx({
        "epe": 3.3, "fl_all": 40, "above_1px": 80, "above_3px": 60, "above_5px": 20,
        "epe_0_10": 1.25, "epe_10_40": 5, "epe_40": 4,
    })
    assert FlowErrors.of(flow, 0 * target, valid).metrics()["epe_40"] is None


def test_errors_of_parts_add_up_to_those_of_the_whole():
    one, two = pair_of(seed=1), pair_of(seed=2)
    guess = torch.zeros_like(one.flow)
    parts = [FlowErrors.of(guess, pair.flow, pair.valid) for pair in (one, two)]
    both = (torch.cat([one.flow, two.flow]), torch.cat([one.valid, two.valid]))
    whole = flow_metrics(torch.cat([guess, guess]), *both)
    assert averaged(parts, "pixels", "pixels")["epe"] == pytest.approx(whole["epe"], rel=1e-5)
    assert averaged(parts, "pixels", "pixels")["fl_all"] == pytest.approx(whole["fl_all"])
    single = [flow_metrics(guess, pair.flow, pair.valid) for pair in (one, two)]
    mixed = averaged(parts, "pairs", "pixels")
    assert mixed["epe"] == pytest.approx(np.mean([s["epe"] for s in single]), rel=1e-5)
    assert mixed["fl_all"] == pytest.approx(whole["fl_all"])


def test_kitti_grows_downward_and_sintel_on_all_sides():
    pair = pair_of()
    for protocol, top, iterations in ((KITTI, 0, 24), (SINTEL, 2, 32)):
        network = Still()
        score_pairs(network, [pair], protocol=protocol)
        frame, asked, _ = network.asked[0]
        assert frame.shape == (1, 3, 24, 32) and asked == iterations
        assert torch.equal(frame[..., top : top + 20, 2:30], pair.frame1)
        assert torch.equal(frame[0, :, -1, 2:30], pair.frame1[0, :, -1])  # edges are replicated
    network = Still()
    score_pairs(network, [pair], 3)
    score_pairs(network, [pair])
    assert [asked for _, asked, _ in network.asked] == [3, network.iterations]


def test_warm_start_goes_through_a_sequence_and_not_beyond():
    pairs = [pair_of("a", "x"), pair_of("b", "x"), pair_of("c", "y"), pair_of("d"), pair_of("e")]
    network = Still()
    score_pairs(network, pairs, warm_start=True)
    starts = [initial is not None for _, _, initial in network.asked]
    assert starts == [False, True, False, False, False]
    cold = Still()
    score_pairs(cold, pairs)
    assert all(initial is None for _, _, initial in cold.asked)


def test_flow_that_is_not_finite_is_no_score():
    network = Still()
    network.iterate = lambda *args, **options: (
        [torch.full((1, 2, 24, 32), float("nan"))], torch.zeros(1, 2, 3, 4)
    )
    with pytest.raises(UserError, match="pair a is not finite"):
        score_pairs(network, [pair_of()])


def test_flow_is_carried_along_itself():
    flow = torch.zeros(1, 2, 8, 10)
    flow[0, 0, :, 5:] = 3.0  # the right half moves three to the right and leaves a gap
    moved = carried_forward(flow)
    assert (moved[0, 0, :, :6] == 0).all() and (moved[0, 0, :, 7:] == 3).all()
    assert torch.equal(carried_forward(torch.full((1, 2, 8, 10), 50.0)), torch.zeros(1, 2, 8, 10))


@pytest.mark.parametrize(("name", "meaning"), [
    ("rendered", ("layers", 200)), ("rendered:7", ("layers", 7)), ("scenes:5", ("scenes", 5)),
    ("layers:5", ("layers", 5)), ("scenes", None), ("folder", None), ("rendered_pairs", None),
])
def test_names_of_rendered_pairs(name, meaning):
    assert rendered_name(name, "layers") == meaning


@pytest.mark.parametrize("name", ["rendered:0", "rendered:x", "rendered:-3", "rendered:9999999"])
def test_impossible_numbers_of_rendered_pairs_are_refused(name):
    with pytest.raises(UserError, match=f"'{name}'.*as in rendered:200"):
        rendered_name(name, "layers")


def scores_of(capsys, **options):
    evaluate(reference=True, iterations=1, as_json=True, **options)
    return json.loads(capsys.readouterr().out)


def test_each_data_set_is_scored_by_its_protocol(tmp_path, capsys):
    datasets.kitti(tmp_path, count=2, size=(60, 72))
    datasets.sintel(tmp_path, scenes=("alley_1",), frames=2, size=(60, 72))
    datasets.own(tmp_path, count=2, size=(60, 72))
    found = scores_of(capsys, data=str(tmp_path), pictures=tmp_path / "shown")
    sets = {(item["data"], item["group"]): item for item in found["sets"]}
    assert set(sets) == {("kitti", ""), ("sintel", "clean"), ("sintel", "final"), ("pairs", "")}
    assert sets["kitti", ""]["protocol"]["padding"] == "kitti"
    assert sets["sintel", "clean"]["protocol"]["average"] == "pixels"
    own = sets["pairs", ""]
    assert own["mean"]["epe"] == pytest.approx(
        np.mean([metrics["epe"] for metrics in own["pairs"].values()])
    )
    shown = sorted(path.name for path in (tmp_path / "shown").iterdir())
    assert shown == [
        "kitti_000000_10.png", "kitti_000001_10.png", "pairs_p0.png", "pairs_p1.png",
        "sintel_clean_alley_1_frame_0001.png", "sintel_final_alley_1_frame_0001.png", "wheel.png",
    ]
    with Image.open(tmp_path / "shown/kitti_000000_10.png") as image:
        assert image.size == (4 * 72 + 3 * 4, 60)


def test_rendered_pairs_are_the_same_whatever_their_number(capsys):
    three = scores_of(capsys, data="rendered:3")
    two = scores_of(capsys, data="rendered:2")
    assert len(three["pairs"]) == 3
    assert {name: three["pairs"][name] for name in two["pairs"]} == two["pairs"]


def test_splits_pairs_and_tab_separated_lines(tmp_path, capsys):
    folder = datasets.chairs(tmp_path, count=3, size=(64, 64))
    (folder / "FlyingChairs_train_val.txt").write_text("1\n2\n1\n")
    assert list(scores_of(capsys, data=str(folder))["pairs"]) == ["00002"]
    assert len(scores_of(capsys, data=str(folder), split="all")["pairs"]) == 3
    assert list(scores_of(capsys, data=str(folder), only=["00001"])["pairs"]) == ["00001"]
    evaluate(data=str(folder), reference=True, iterations=1)
    head, first, mean = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert head[:4] == ["data", "pair", "epe", "fl_all"] and first[:2] == ["chairs", "00002"]
    assert mean[1] == "mean of 1" and mean[2] == first[2] and len(mean) == len(head)


@pytest.mark.parametrize(("options", "said"), [
    ({"split": "test"}, "--split test: give all, train or val"),
    ({"only": ["moon"]}, "has no pair moon; it has p0, p1, p2"),
    ({"data": "rendered:3", "only": ["00001"]}, "rendered pairs have no --pair"),
])
def test_wrong_choices_are_refused(tmp_path, options, said):
    folder = datasets.own(tmp_path)
    with pytest.raises(UserError, match=said):
        evaluate(**{"data": str(folder), "reference": True, **options})


def test_broken_files_end_an_evaluation_before_it_begins(tmp_path):
    folder = datasets.own(tmp_path)
    (folder / "p1/flow.npz").write_bytes(b"PK")
    with pytest.raises(CorruptFileError, match=r"1 broken pairs of 3.*p1/flow.npz"):
        evaluate(data=str(folder), reference=True)


def test_opposite_directions_have_different_colours_and_still_is_white():
    flow = np.zeros((1, 3, 2), np.float32)
    flow[0, 1, 0], flow[0, 2, 0] = 3, -3
    still, right, left = flow_colours(flow, 3.0)[0].astype(int)
    assert (still == 255).all() and np.abs(right - left).max() > 100


def network_scores(capsys, **options):
    evaluate(iterations=1, as_json=True, data="rendered:1", **options)
    return json.loads(capsys.readouterr().out)


def test_networks_are_named_and_say_where_their_weights_are_from(tmp_path, capsys):
    found = {
        name: network_scores(capsys, architecture=name) for name in ("raft", "smallest", "largest")
    }
    origins = {name: (one["network"], one["weights"]) for name, one in found.items()}
    assert origins == {"raft": ("raft", "reference"), "smallest": ("smallest", "supernet"),
                       "largest": ("largest", "supernet")}
    assert len({one["mean"]["epe"] for one in found.values()}) == 3
    reference = network_scores(capsys, reference=True)
    assert reference["mean"] == found["raft"]["mean"] and reference["weights"] == "reference"
    with pytest.raises(UserError, match="raft-small: its weights do not ship"):
        network_scores(capsys, architecture="raft-small")
    with pytest.raises(UserError, match="unknown architecture of recipe flownas-small"):
        network_scores(capsys, architecture="moon")


def test_batch_norms_can_be_settled_on_own_pairs(tmp_path, capsys):
    folder = datasets.own(tmp_path, count=3, size=(72, 80))
    rendered = network_scores(capsys, reference=True)
    own = network_scores(capsys, reference=True, calibrate=folder)
    again = network_scores(capsys, reference=True, calibrate=folder)
    assert own["mean"] == again["mean"] != rendered["mean"]
