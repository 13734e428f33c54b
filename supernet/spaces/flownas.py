"""The FlowNAS space (Lin et al., IJCV 2024): MBConv encoders around RAFT's head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from luts.errors import UserError
from luts.operator import PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor
from supernet.layers.choice import CellChoice, EncoderChoice
from supernet.raft.config import (
    FULL_HEAD,
    RAFT_ENCODER,
    SMALL_ENCODER,
    SMALL_HEAD,
    HeadConfig,
    ResidualConfig,
)
from supernet.raft.space import FlowSpace
from supernet.spaces._config import FULL_CONFIG, PUBLISHED, SMALL_CONFIG, FlowNASConfig
from supernet.spaces._encoders import Encoders
from supernet.spaces._lowering import lower_head

if TYPE_CHECKING:
    from supernet._splice import SplicedExport
    from supernet.raft.network import FlowNetwork

GENES = ("width", "kernel", "depth", "expansion")


class FlowNASSpace(FlowSpace):
    """24 decisions: width, kernel, depth and expansion of six cells, in the paper's order.

    One architecture stands for two encoders: fnet with instance norm on both frames, cnet with
    batch norm on the first.

    Args:
        name: recipe name.
        config: sizes of the cells.
        head: sizes of the head.
        input_height: rows of the frames that latency is measured on.
        input_width: columns of them.
        iterations: recurrent updates of a deployed network.
        batch: pairs of frames per inference.
    """

    def __init__(
        self, name: str, config: FlowNASConfig, head: HeadConfig, *, input_height: int,
        input_width: int, iterations: int, batch: int = 1,
    ) -> None:
        self.name = name
        self.config = config
        self.head = head
        self.input_height, self.input_width = input_height, input_width
        self.iterations = iterations
        self.batch = batch
        self.decisions = tuple(
            Decision(f"cell{index + 1}.{gene}", getattr(cell, gene))
            for gene in GENES
            for index, cell in enumerate(config.cells)
        )
        place = {decision.name: index for index, decision in enumerate(self.decisions)}
        factors = [Factor("stem", ())]
        for cell in range(1, len(config.cells) + 1):
            before = (place[f"cell{cell - 1}.width"],) if cell > 1 else ()
            own = tuple(place[f"cell{cell}.{gene}"] for gene in GENES)
            factors.append(Factor(f"cell{cell}", before + own))
        factors.append(Factor("last", (place[f"cell{len(config.cells)}.width"],)))
        factors.append(Factor("head", ()))
        self.factors = tuple(factors)

    @property
    def _encoders(self) -> Encoders:
        return Encoders(self.head, self.input_height, self.input_width, self.batch)

    def _head(self) -> list[PlacedOperator]:
        return lower_head(
            self.head, self.input_height, self.input_width, self.iterations, self.batch
        )

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        if factor.name == "head":
            return self._head()
        encoders = self._encoders
        placed = [encoders.inputs()] if factor.name == "stem" else []
        for lowering in encoders.factor(self.config, factor, choices):
            placed += lowering.placed
        return placed

    def folded_parameters(self, factor: Factor | None, choices: Sequence[Choice] = ()) -> int:
        """See `luts.space.Folding`."""
        if factor is not None and factor.name == "head":
            return 0
        parts = (self._encoders.reference(self.reference_encoder) if factor is None
                 else self._encoders.factor(self.config, factor, choices))
        return sum(lowering.folded for lowering in parts)

    def outputs(self, net: str) -> int:
        """Channels that an encoder delivers to the head."""
        return self._encoders.outputs(net)

    def lower_reference(self) -> list[PlacedOperator]:
        """See `luts.space.OperatorSpace`."""
        placed = [self._encoders.inputs()]
        for lowering in self._encoders.reference(self.reference_encoder):
            placed += lowering.placed
        return placed + self._head()

    def encoder_choice(self, architecture: Architecture) -> EncoderChoice:
        """See `SearchSpace`."""
        return tuple(
            CellChoice(*(architecture[f"cell{cell}.{gene}"] for gene in GENES))
            for cell in range(1, len(self.config.cells) + 1)
        )

    def published(self) -> Mapping[str, Architecture]:
        """See `SearchSpace`; the small space has other values to choose from."""
        if self.config is not FULL_CONFIG:
            return {}
        return {
            name: self.architecture({
                f"cell{cell + 1}.{gene}": value
                for gene, values in zip(GENES, genes, strict=True)
                for cell, value in enumerate(values)
            })
            for name, genes in PUBLISHED.items()
        }

    @property
    def reference_encoder(self) -> ResidualConfig:
        """RAFT's encoder, at this recipe's scale."""
        return RAFT_ENCODER if self.config is FULL_CONFIG else SMALL_ENCODER

    def build(self, architecture: Architecture) -> FlowNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._networks import build

        return build(self, self.encoder_choice(architecture))

    def build_reference(self) -> FlowNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._networks import build_reference

        return build_reference(self)

    def build_supernet(self) -> FlowNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._networks import build_supernet

        return build_supernet(self)

    def inherit(self, supernet: FlowNetwork, architecture: Architecture) -> FlowNetwork:
        """See `SearchSpace`."""
        from supernet.spaces._networks import inherit

        return inherit(supernet, self.build(architecture))

    def at_batch(self, batch: int) -> FlowNASSpace:
        """See `luts.space.OperatorSpace`."""
        if batch < 1:
            raise UserError(f"batch must be at least 1, got {batch}")
        return FlowNASSpace(self.name, self.config, self.head, input_height=self.input_height,
                            input_width=self.input_width, iterations=self.iterations, batch=batch)

    @cached_property
    def _export(self) -> SplicedExport:
        from supernet._splice import SplicedExport

        return SplicedExport(self.batch)

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        """See `luts.space.OperatorSpace`."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = self.build_reference() if architecture is None else self.build(architecture)
        placed = self.lower_reference() if architecture is None else self.lower(architecture)
        self._export(network, path, self.input_height, self.input_width, placed)


def flownas() -> FlowNASSpace:
    """The published space around RAFT's full head, for KITTI-like quarter-size frames."""
    return FlowNASSpace("flownas", FULL_CONFIG, FULL_HEAD, input_height=192, input_width=640,
                        iterations=12)


def flownas_small() -> FlowNASSpace:
    """The same structure, smaller, around a RAFT-small-like head, for CPUs."""
    return FlowNASSpace("flownas-small", SMALL_CONFIG, SMALL_HEAD, input_height=192,
                        input_width=256, iterations=6)
