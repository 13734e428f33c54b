import pytest
import torch
from torch.nn import functional as F

from luts.errors import UnknownNameError
from supernet.data.motion import MotionStatistics, pixel_grid
from supernet.data.photometry import Photometry
from supernet.data.photos import bundled_photos
from supernet.data.render import RENDERERS, RenderSettings, render_batch
from supernet.data.scenes import light, render
from supernet.data.scenes.draws import Draws, sample
from supernet.data.scenes.mattes import MARGIN_PX, mattes

PLAIN = Photometry(brightness=0, difference=0, shadow=0, noise=0, blur_px=0, sharpening=0)
SETTINGS = RenderSettings(height=96, width=128, photometry=PLAIN, version="scenes")
# Means of frames and flow, as rendered for the training of those weights.
LAYERS = [129.56795, 127.83822, 1.07595]


@pytest.fixture(scope="module")
def photos():
    return bundled_photos()


def test_the_seed_settles_every_pixel(photos):
    settings = RenderSettings(height=64, width=96, version="scenes")
    one, two = (render_batch(photos, settings, 3, 5) for _ in range(2))
    other = render_batch(photos, settings, 3, 6)
    for left, right in zip(one.parts(), two.parts(), strict=True):
        assert torch.equal(left, right)
    assert not torch.equal(one.frame1, other.frame1)


def test_pixels_are_bytes_and_flow_is_finite(photos):
    batch = render_batch(photos, RenderSettings(height=64, width=96, version="scenes"), 6, 1)
    assert batch.frame1.shape == (6, 3, 64, 96) and batch.flow.shape == (6, 2, 64, 96)
    for frame in (batch.frame1, batch.frame2):
        assert frame.min() >= 0 and frame.max() <= 255 and torch.equal(frame, frame.round())
    assert torch.isfinite(batch.flow).all() and (batch.valid == 1).all()


def test_flow_maps_frame_1_onto_frame_2(photos, monkeypatch):
    """Warping frame 2 back by the true flow gives frame 1, but for occlusions and edges."""
    monkeypatch.setattr(light, "_MOTION_BLURRED", 0.0)
    monkeypatch.setattr(render, "_SHADOWED", 0.0)
    batch = render_batch(photos, SETTINGS, 16, 3)
    height, width = SETTINGS.height, SETTINGS.width
    points = pixel_grid(height, width)[None] + batch.flow
    inside = (
        (points[:, 0] >= 0) & (points[:, 0] <= width - 1)
        & (points[:, 1] >= 0) & (points[:, 1] <= height - 1)
    )
    gap = (sample(batch.frame2, points) - batch.frame1).abs().mean(1)[inside]
    still = (batch.frame2 - batch.frame1).abs().mean(1)[inside]
    assert gap.median() < 3 and gap.median() < 0.35 * still.median()


def test_renderers_have_names_and_the_first_one_does_not_change(photos):
    """Shipped weights are scored and recalibrated on what ``layers`` renders."""
    batch = render_batch(photos, RenderSettings(height=64, width=64), 1, 1)
    assert RenderSettings().version == "layers" and set(RENDERERS) == {"layers", "scenes"}
    figures = [float(part.double().mean()) for part in (batch.frame1, batch.frame2, batch.flow)]
    assert figures == pytest.approx(LAYERS, rel=1e-4)
    with pytest.raises(UnknownNameError, match="unknown renderer 'moon'; known: layers, scenes"):
        render_batch(photos, RenderSettings(version="moon"), 1, 1)


def test_motion_grows_with_its_limits(photos):
    def median_speed(largest_px):
        motion = MotionStatistics(smallest_px=largest_px / 2, largest_px=largest_px)
        settings = RenderSettings(64, 96, motion=motion, version="scenes")
        return float(render_batch(photos, settings, 24, 0).flow.norm(dim=1).median())

    assert 2 * median_speed(2.0) < median_speed(16.0)


def test_motion_blur_takes_detail_along_the_motion_only(monkeypatch):
    monkeypatch.setattr(light, "_MOTION_BLURRED", 1.0)
    draws = Draws(4, torch.device("cpu"))
    frame = torch.rand(4, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(4, 2, 40, 60)
    flow[:, 0] = 16.0
    one, two = light._motion_blurred(draws, frame, frame, flow, 0 * flow)
    assert torch.allclose(two, frame, atol=1e-5)

    def change(image, axis):
        return float(image.diff(dim=axis).abs().mean())

    assert change(one, 3) < 0.8 * change(frame, 3)
    assert change(one, 3) < change(one, 2)


def test_focus_blurs_each_pair_by_its_own_amount():
    both = torch.rand(3, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    out = light._focused(both, torch.tensor([0.2, 0.5, 1.0]))
    assert torch.allclose(out[0], both[0], atol=1e-3)
    spread = [float(pair.std()) for pair in out]
    assert spread[0] > spread[1] > spread[2]
    assert torch.allclose(out.mean((1, 2, 3, 4)), both.mean((1, 2, 3, 4)), atol=0.01)


def test_mattes_of_every_kind_are_there_and_soft_at_the_edge():
    draws = Draws(0, torch.device("cpu"))
    held, centre = mattes(draws, 60, 64, 96)
    assert held.shape == (60, 1, 64 + 2 * MARGIN_PX, 96 + 2 * MARGIN_PX)
    assert centre.shape == (60, 2) and held.min() >= 0 and held.max() <= 1
    covered = (held > 0.5).float().mean((1, 2, 3))
    assert covered.max() > 0.1 and (covered > 0).float().mean() > 0.9
    assert ((held > 0) & (held < 1)).any()


def test_noise_is_standard_and_rougher_with_roughness():
    draws = Draws(1, torch.device("cpu"))
    smooth, rough = draws.fractal(2, 1, 64, 64, torch.tensor([0.2, 0.95]))
    for noise in (smooth, rough):
        assert float(noise.mean()) == pytest.approx(0, abs=1e-4)
        assert float(noise.std()) == pytest.approx(1, abs=1e-2)
    assert rough.diff(dim=2).abs().mean() > 2 * smooth.diff(dim=2).abs().mean()


def test_samples_at_whole_pixels_are_the_pixels():
    image = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    grid = pixel_grid(7, 9)[None].expand(2, -1, -1, -1)
    assert torch.allclose(sample(image, grid), image, atol=1e-5)
    assert torch.allclose(sample(image, grid + 0.5)[..., :-1, :-1],
                          F.avg_pool2d(image, 2, 1), atol=1e-5)


def test_pairs_come_out_on_the_device_asked_for(photos):
    batch = render_batch(photos, SETTINGS, 1, 0, torch.device("cpu"))
    assert all(part.device.type == "cpu" for part in batch.parts())
