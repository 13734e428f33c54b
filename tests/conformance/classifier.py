"""What every space of image classifiers must do beyond `SpaceConformance`."""

import numpy as np
import pytest
import torch

from evolution.quantities import quantity
from luts.errors import UserError
from supernet.training.image_stage import outputs_of
from tests.conformance.space import SpaceConformance


class ClassifierConformance(SpaceConformance):
    """Give a fixture ``space``; networks take images of the space's size."""

    @pytest.fixture
    def inputs(self, space):
        generator = torch.Generator().manual_seed(0)
        return [torch.rand(2, 3, space.input_height, space.input_width, generator=generator) * 255]

    def test_networks_tell_the_space_s_classes_apart(self, space, inputs):
        network = space.build(space.decode(space.smallest)).eval()
        assert network(*inputs).shape == (len(inputs[0]), outputs_of(space))

    def test_weights_are_counted_as_they_are_built(self, space, vectors):
        """Those of norms too, which runtimes fold into convolutions."""
        counted = quantity("parameters", space, None)
        for vector in [space.smallest, space.largest, *vectors[:5]]:
            network = space.build(space.decode(vector))
            built = sum(weights.numel() for weights in network.parameters())
            assert counted.values(np.array([vector])) == [built]
        reference = sum(weights.numel() for weights in space.build_reference().parameters())
        assert counted.reference == reference

    def test_a_batch_is_in_every_operator(self, space):
        placed = space.at_batch(3).lower_reference()
        assert {item.operator.inputs[0][0] for item in placed} == {3}
        with pytest.raises(UserError, match="got 0"):
            space.at_batch(0)
