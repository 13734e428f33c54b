"""Networks of the FlowNAS spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from torch import nn

from supernet.layers.choice import EncoderChoice
from supernet.raft.encoder import ResidualEncoder
from supernet.raft.network import FlowHead, FlowNetwork
from supernet.spaces._encoder import ElasticEncoder, MBConvEncoder

if TYPE_CHECKING:
    from supernet.spaces.flownas import FlowNASSpace


def _around(space: FlowNASSpace, encoder: Callable[[int, str], nn.Module]) -> FlowNetwork:
    fnet = encoder(space.outputs("fnet"), "instance")
    cnet = encoder(space.outputs("cnet"), "batch")
    return FlowNetwork(fnet, cnet, FlowHead(space.head), space.iterations)


def build(space: FlowNASSpace, choice: EncoderChoice) -> FlowNetwork:
    """A stand-alone network of the space."""
    return _around(space, lambda out, norm: MBConvEncoder(space.config, choice, out, norm))


def build_reference(space: FlowNASSpace) -> FlowNetwork:
    """RAFT with its residual encoder at the space's scale."""
    config = space.reference_encoder
    return _around(space, lambda out, norm: ResidualEncoder(config, out, norm))


def build_supernet(space: FlowNASSpace) -> FlowNetwork:
    """The weight-sharing network; its encoders' ``choice`` says what runs."""
    return _around(space, lambda out, norm: ElasticEncoder(space.config, out, norm))


def inherit(supernet: FlowNetwork, network: FlowNetwork) -> FlowNetwork:
    """Copies the supernet's weights into a stand-alone network of its space; returns it."""
    cast(ElasticEncoder, supernet.fnet).inherit(cast(MBConvEncoder, network.fnet))
    cast(ElasticEncoder, supernet.cnet).inherit(cast(MBConvEncoder, network.cnet))
    network.head.load_state_dict(supernet.head.state_dict())
    return network
