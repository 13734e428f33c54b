"""The operators that PyTorch executes for a module, one by one, found without any arithmetic.

Modules live on torch's ``meta`` device, so that networks of a billion weights need neither memory
nor time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from luts.operator import Operator

Shape = tuple[int, ...]
_PRODUCTS = ("mm", "addmm")
_BATCHED = ("bmm", "baddbmm")
_COPIES = ("clone", "copy_", "_to_copy", "index", "roll", "constant_pad_nd", "gather",
           "index_select", "repeat", "im2col", "col2im", "reflection_pad2d", "pixel_shuffle",
           "flip", "stack", "slice_scatter", "select_scatter", "index_put_", "masked_fill",
           "embedding", "channel_shuffle", "native_channel_shuffle", "_unsafe_index")
_REDUCTIONS = ("mean", "sum", "amax", "amin", "max", "min", "_adaptive_avg_pool2d",
               "linalg_vector_norm", "adaptive_max_pool2d", "var_mean", "var", "std", "argmax",
               "std_mean", "any", "all")
_POOLS = ("max_pool2d_with_indices", "avg_pool2d")
# Make values of nothing, once; what a network needs of them is held ready in practice.
_FREE = ("empty", "zeros", "ones", "full", "arange", "new_zeros", "new_ones", "new_empty",
         "empty_like", "zeros_like", "ones_like", "full_like", "scalar_tensor", "linspace",
         "empty_strided", "new_empty_strided", "_local_scalar_dense", "lift_fresh", "fill_",
         "zero_", "new_full", "detach", "eye", "tril", "triu")


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators that are dispatched while it is active.

    Attributes:
        counts: how often each is executed.
        unknown: aten functions that were taken for copies.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[Operator] = Counter()
        self.unknown: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Lets the function work out the shapes, and notes it."""
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        returns = func._schema.returns
        view = bool(returns) and returns[0].alias_info and not returns[0].alias_info.is_write
        first = result[0] if isinstance(result, tuple | list) else result
        if view or name in _FREE or name == "_unsafe_view" or not isinstance(first, torch.Tensor):
            return result
        self._note(func, args, first)
        return result

    def _note(self, func: Any, args: tuple[Any, ...], result: torch.Tensor) -> None:
        name = func._schema.name.removeprefix("aten::")
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        for listed in args:
            if isinstance(listed, list | tuple):
                tensors += [a for a in listed if isinstance(a, torch.Tensor)]
        shapes = [tuple(int(n) for n in a.shape) for a in tensors]
        out = tuple(int(n) for n in result.shape)
        if name == "convolution":
            self.counts[_conv(args, shapes, out)] += 1
        elif name in _PRODUCTS:
            left, right = shapes[-2:]
            self.counts[Operator.make("linear", left, out=right[-1])] += 1
        elif name in _BATCHED:
            self.counts[Operator.make("matmul", *shapes[-2:])] += 1
        elif "batch_norm" in name:
            self.counts[Operator.make("batch_norm", shapes[0])] += 1
        elif name == "native_layer_norm":
            self.counts[Operator.make("layer_norm", _rows(shapes[0], args[1]))] += 1
        elif name == "native_group_norm":
            self.counts[Operator.make("group_norm", _flat(shapes[0]))] += 1
        elif name in ("_softmax", "_log_softmax"):
            self.counts[Operator.make("softmax", (prod(out) // out[-1], out[-1]))] += 1
        elif name in _POOLS:
            kernel = args[1] if isinstance(args[1], int) else args[1][0]
            self.counts[Operator.make("average_pool", shapes[0], to=out, kernel=int(kernel))] += 1
        elif name in _REDUCTIONS:
            values = max(1, prod(out))
            along = max(1, prod(shapes[0]) // values)
            self.counts[Operator.make("reduce_mean", (values, along, 1))] += 1
        elif name == "cat":
            self.counts[Operator.make("join", *map(_flat, shapes), to=_flat(out))] += 1
        elif name.startswith(("upsample", "_upsample", "grid_sampler")):
            self.counts[Operator.make("gather", _flat(shapes[0]), to=_flat(out))] += 1
        elif name in _COPIES:
            self.counts[Operator.make("transpose", _flat(out))] += 1
        else:
            if torch.Tag.pointwise not in func.tags:
                self.unknown[name] += 1
            whole = [_flat(s) for s in shapes if prod(s) > 1] or [_flat(out)]
            self.counts[Operator.make("elementwise", *whole, fn=name.strip("_"))] += 1


class _Attention(TorchFunctionMode):
    """Keeps fused attention whole, which the ``meta`` device would split up."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention:
            named = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
            q, k, v = (named[n] for n in ("query", "key", "value"))
            heads = prod(q.shape[:-2])
            shapes = [(heads, int(a.shape[-2]), int(a.shape[-1])) for a in (q, k, v)]
            self.trace.counts[Operator.make("attention", *shapes)] += 1
            return q.new_empty((*q.shape[:-1], v.shape[-1]))
        return func(*args, **kwargs)


def trace(module: Callable[..., Any], *inputs: torch.Tensor) -> Trace:
    """Operators of one inference.

    Args:
        module: on the ``meta`` device, in evaluation mode.
        inputs: on the ``meta`` device.
    """
    found = Trace()
    with torch.no_grad(), _Attention(found), found:
        module(*inputs)
    return found


def _flat(shape: Shape) -> Shape:
    return (max(1, prod(shape)),)


def _rows(shape: Shape, normal: Any) -> Shape:
    length = prod(normal) if normal else shape[-1]
    return (prod(shape) // length, length)


def _conv(args: tuple[Any, ...], shapes: list[Shape], out: Shape) -> Operator:
    x, weight = shapes[0], shapes[1]
    stride, padding, dilation, transposed, _, groups = args[3:9]
    if len(x) == 3:
        x, weight = (*x[:2], 1, x[2]), (*weight[:2], 1, weight[2])
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
    if len(x) == 5:
        # A picture of all frames below one another; the inner axis counts the taps in time too.
        return Operator.make(
            "conv", (x[0], x[1] * weight[2], out[2] * out[3], out[4]), out=weight[0],
            kernel=(weight[3], weight[4]), groups=int(groups), bias=int(args[2] is not None))
    if transposed:
        return Operator.make("conv_transpose", x, out=out[1], kernel=(weight[2], weight[3]),
                             stride=int(stride[0]), groups=int(groups), padding=int(padding[0]))
    pairs = {"stride": tuple(stride), "padding": tuple(padding), "dilation": tuple(dilation)}
    both = {n: tuple(int(i) for i in (v if len(v) == 2 else v * 2)) for n, v in pairs.items()}
    return Operator.make("conv", x, out=weight[0], kernel=(weight[2], weight[3]),
                         groups=int(groups), bias=int(args[2] is not None), stride=both["stride"],
                         padding=both["padding"], dilation=both["dilation"])
