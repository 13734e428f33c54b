import pytest
import torch
from torch.nn import functional as F

from supernet.layers import depthwise
from supernet.layers.choice import make_divisible
from supernet.layers.depthwise import depthwise_conv
from supernet.layers.layout import channels_last, is_channels_last
from supernet.layers.norm import InstanceNorm
from supernet.raft.convex import convex_combination
from supernet.raft.correlation import CorrelationLookup, CorrelationPyramid
from supernet.raft.update import ConvexUpsample


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(8, 10), (9, 7)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("images", [2, 11])
def test_depthwise_gradients_are_those_of_conv2d(
    kernel, stride, size, layout, dilation, images, monkeypatch
):
    monkeypatch.setattr(depthwise, "_MANY_CHANNELS", 15)  # eleven images in five, five and one
    torch.manual_seed(0)
    x = torch.randn(images, 3, *size, dtype=torch.double).contiguous(memory_format=layout)
    x.requires_grad_()
    weight = torch.randn(3, 1, kernel, kernel, dtype=torch.double, requires_grad=True)
    expected = F.conv2d(x, weight, stride=stride, padding=dilation * (kernel // 2),
                        dilation=dilation, groups=3)
    ours = depthwise_conv(x, weight, stride, dilation)
    assert torch.equal(ours, expected)
    grad = torch.randn_like(expected)
    for a, b in zip(
        torch.autograd.grad(ours, (x, weight), grad),
        torch.autograd.grad(expected, (x, weight), grad), strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_a_depthwise_layer_trains_as_conv2d_does(half):
    torch.manual_seed(0)
    ours = depthwise.DepthwiseConv(4, 5, stride=2, dilation=2)
    plain = torch.nn.Conv2d(4, 4, 5, stride=2, dilation=2, padding=4, groups=4, bias=False)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(12, 4, 16, 16)
    grads = []
    for layer in (ours, plain):
        with torch.autocast("cpu", torch.bfloat16, enabled=half and layer is ours):
            y = layer(x)
        assert y.dtype == (torch.bfloat16 if half and layer is ours else torch.float32)
        y.float().square().mean().backward()
        grads.append(layer.weight.grad)
    assert torch.allclose(*grads, rtol=5e-2 if half else 1e-4, atol=2e-3 if half else 1e-6)
    assert torch.equal(ours.eval()(x), plain(x))


def test_convex_combination_is_softmax_weighted_and_differentiates():
    torch.manual_seed(0)
    scores = torch.randn(6, 9, 64, dtype=torch.double, requires_grad=True)
    neighbours = torch.randn(6, 2, 9, dtype=torch.double, requires_grad=True)
    expected = torch.einsum("nkf,nck->ncf", scores.softmax(1), neighbours)
    assert torch.allclose(convex_combination(scores, neighbours), expected)
    small = (scores[:, :, :2].detach().requires_grad_(), neighbours.detach().requires_grad_())
    assert torch.autograd.gradcheck(convex_combination, small)


def test_convex_combination_keeps_the_bits_of_flows_under_autocast():
    flows = torch.full((1, 2, 9), 100.3)
    with torch.autocast("cpu", torch.bfloat16):
        fine = convex_combination(torch.zeros(1, 9, 64), flows)
    assert torch.allclose(fine, torch.full_like(fine, 100.3))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_upsampling_is_the_same_for_networks_and_runtimes(monkeypatch, layout):
    torch.manual_seed(0)
    flow = torch.randn(2, 2, 3, 4)
    mask = torch.randn(2, 576, 3, 4).contiguous(memory_format=layout)
    ours = ConvexUpsample()(flow, mask)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    assert torch.allclose(ConvexUpsample()(flow, mask), ours, atol=1e-5)


def test_instance_norm_is_the_same_in_both_layouts():
    torch.manual_seed(0)
    plain = (3 + torch.randn(2, 5, 6, 7, dtype=torch.double)).requires_grad_()
    last = channels_last(plain.detach()).requires_grad_()
    assert is_channels_last(last) and not is_channels_last(plain)
    norm, grad = InstanceNorm(relu=True), torch.randn(2, 5, 6, 7, dtype=torch.double)
    expected = F.relu(F.instance_norm(plain))
    for x in (plain, last):
        assert torch.allclose(norm(x), expected)
        ours = torch.autograd.grad(norm(x), x, grad)[0]
        assert torch.allclose(ours, torch.autograd.grad(expected, plain, grad, True)[0])


def test_correlation_lookup_finds_a_shifted_image():
    torch.manual_seed(0)
    features = torch.randn(1, 64, 16, 24)
    moved = torch.roll(features, shifts=(2, -3), dims=(2, 3))
    pyramid = CorrelationPyramid(2)(features, moved)
    rows, cols = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing="ij")
    window = CorrelationLookup(3)(pyramid, torch.stack([cols, rows])[None])
    best = window[0, :49, 8, 12].argmax()
    # The first axis of the window runs along x.
    assert (int(best) // 7 - 3, int(best) % 7 - 3) == (-3, 2)


def test_correlations_of_half_precision_features_do_not_overflow():
    features = torch.full((1, 256, 2, 2), 100.0, dtype=torch.float16)
    (level,) = CorrelationPyramid(1)(features, features)
    assert float(level.max()) == pytest.approx(100.0**2 * 256 / 16)  # above float16's 65504


def test_lookup_is_bilinear_and_zero_outside():
    volume = torch.arange(12.0).view(1, 1, 3, 4)
    lookup = CorrelationLookup(1)
    found = lookup([volume], torch.tensor([1.5, 0.5]).view(1, 2, 1, 1))[0, :, 0, 0]
    assert found[4] == pytest.approx((1 + 2 + 5 + 6) / 4)
    assert found[3] == pytest.approx((1 + 2) / 4)  # half of it above the first row


@pytest.mark.parametrize(("value", "expected"), [(48, 48), (49, 48), (52, 56), (10, 16), (3, 8)])
def test_make_divisible(value, expected):
    assert make_divisible(value) == expected
