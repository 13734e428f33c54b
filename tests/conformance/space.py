"""What every SearchSpace must do; inherit and set `make`."""

import numpy as np
import pytest
import torch

from luts.errors import UserError
from luts.space import Architecture
from supernet.recalibrate import recalibrate


class SpaceConformance:
    """Give a fixture ``space``; ``inputs`` makes what its networks take, of a small size."""

    random_architectures = 20
    height, width = 64, 96

    @pytest.fixture
    def vectors(self, space):
        return space.sample(np.random.default_rng(7), self.random_architectures)

    @pytest.fixture
    def inputs(self):
        generator = torch.Generator().manual_seed(0)
        return [torch.rand(1, 3, self.height, self.width, generator=generator) * 255
                for _ in range(2)]

    def test_vectors_and_architectures_are_one_to_one(self, space, vectors):
        for vector in vectors:
            architecture = space.decode(vector)
            assert np.array_equal(space.encode(architecture), vector)
            assert space.architecture(architecture.as_json()) == architecture

    def test_wrong_values_are_refused_by_name(self, space):
        choices = space.decode(space.smallest).as_json()
        name = next(iter(choices))
        with pytest.raises(UserError, match=name):
            space.architecture({**choices, name: -1})
        with pytest.raises(UserError, match="missing"):
            space.architecture({k: v for k, v in choices.items() if k != name})

    def test_factor_rows_point_at_the_factor_s_choices(self, space, vectors):
        for factor in space.factors:
            choices = space.factor_choices(factor)
            for vector, row in zip(vectors, space.factor_rows(factor, vectors), strict=True):
                architecture = space.decode(vector)
                expected = tuple(
                    architecture[space.decisions[i].name] for i in factor.decisions
                )
                assert choices[row] == expected

    def test_what_is_executed_is_what_factors_count_but_for_what_is_idle(self, space, vectors):
        idle = space.idle(vectors)
        for number, vector in enumerate(vectors):
            architecture = space.decode(vector)
            left = []
            for factor in space.factors:
                choices = [architecture[space.decisions[i].name] for i in factor.decisions]
                own = [part.path for part in idle if part.factor == factor.name
                       and part.where[number]]
                left += [item for item in space.lower_factor(factor, choices)
                         if not any(f"{item.path}.".startswith(f"{path}.") for path in own)]
            placed = space.lower(architecture)
            assert sorted((item.path, item.operator.key, item.repeats) for item in left) == sorted(
                (item.path, item.operator.key, item.repeats) for item in placed)

    def test_paths_are_unique_and_costs_are_known(self, space, vectors):
        for vector in vectors[:5]:
            placed = space.lower(space.decode(vector))
            assert len({item.path for item in placed}) == len(placed)
            assert all(item.operator.flops > 0 for item in placed)
            assert all(item.operator.bytes_moved > 0 for item in placed)

    def test_convolutions_of_the_lowering_are_those_of_the_network(self, space, vectors):
        """Every placed convolution exists in the built network with the same sizes."""
        for architecture in [*(space.decode(v) for v in vectors[:5]), None]:
            network = (space.build_reference() if architecture is None
                       else space.build(architecture))
            placed = (space.lower_reference() if architecture is None
                      else space.lower(architecture))
            modules = dict(network.named_modules())
            convs = {name for name, m in modules.items() if isinstance(m, torch.nn.Conv2d)}
            lowered = {p.path for p in placed if p.operator.kind == "conv"}
            assert lowered <= convs
            assert all(".gru." in name for name in convs - lowered)
            for item in placed:
                if item.operator.kind == "conv":
                    conv = modules[item.path]
                    assert conv.out_channels == item.operator.get("out"), item.path
                    assert conv.in_channels == item.operator.inputs[0][1], item.path
                    assert conv.kernel_size == item.operator.get("kernel"), item.path
                    assert conv.groups == item.operator.get("groups"), item.path
                if item.operator.kind == "linear":
                    linear = modules[item.path]
                    assert linear.out_features == item.operator.get("out"), item.path
                    assert linear.in_features == item.operator.inputs[0][-1], item.path

    def test_reference_and_supernet_have_the_same_interface(self, space, inputs):
        networks = space.build_reference(), space.build_supernet()
        ours, theirs = (network.eval()(*inputs) for network in networks)
        assert ours.shape == theirs.shape
        assert space.build_reference in space.baselines().values()

    def test_an_inherited_network_is_the_supernet(self, space, vectors, inputs):
        torch.manual_seed(1)
        supernet = space.build_supernet().eval()
        with torch.no_grad():
            for module in supernet.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                    torch.nn.init.normal_(module.bias, std=0.2)
                    torch.nn.init.normal_(module.running_mean, std=0.2)
                    torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            for vector in [space.smallest, space.largest, *vectors]:
                architecture = space.decode(vector)
                network = space.inherit(supernet, architecture).eval()
                space.activate(supernet, architecture)
                ours, theirs = network(*inputs), supernet(*inputs)
                assert (ours - theirs).abs().max() < 1e-5 * max(1, theirs.abs().max())

    def test_recalibration_sets_the_statistics_of_the_inputs(self, space, inputs):
        network = space.build(space.decode(space.smallest)).eval()
        first = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
        seen = []
        handle = first.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        recalibrate(network, torch.cat(inputs), chunk=2)
        handle.remove()
        (fed,) = seen
        assert not network.training and not first.training
        assert torch.allclose(first.running_mean, fed.mean((0, 2, 3)), atol=1e-4)
        assert torch.allclose(first.running_var, fed.var((0, 2, 3)), rtol=1e-3)

    def test_export_names_nodes_after_placed_operators(self, space, vectors, tmp_path):
        onnx = pytest.importorskip("onnx")
        architecture = space.decode(vectors[0])
        space.export_onnx(architecture, tmp_path / "m.onnx")
        model = onnx.load(str(tmp_path / "m.onnx"))
        owners = {n.name.partition("/")[0] for n in model.graph.node if n.op_type != "Constant"}
        assert owners == {item.path for item in space.lower(architecture)}

    def test_an_architecture_is_hashable(self, space):
        architecture = space.decode(space.smallest)
        assert isinstance(architecture, Architecture)
        assert len({architecture, space.decode(space.smallest)}) == 1
