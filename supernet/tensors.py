"""Files of tensors that are the same bytes whenever they hold the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from luts.files import atomic_path

_LENGTH, _ALIGNED = 8, 8


def save_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> None:
    """Writes a safetensors file, whole or not at all.

    The library puts the metadata into its header in an order that differs from call to call, so
    that digests of equal files would differ; here they stand by name.

    Args:
        path: target file.
        tensors: contiguous, no two of which share memory.
        metadata: text pairs for the header.
    """
    from safetensors.torch import save

    data = save(dict(tensors), dict(metadata))
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    header = json.loads(data[_LENGTH:end])
    header = {"__metadata__": dict(sorted(metadata.items())),
              **{name: facts for name, facts in header.items() if name != "__metadata__"}}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)  # the format wants tensors aligned
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(_LENGTH, "little"))
        file.write(text)
        file.write(memoryview(data)[end:])
