import numpy as np
import pytest
import torch
from torch.nn import functional as F

from luts.errors import UserError
from supernet.data.motion import pixel_grid
from supernet.data.photometry import Photometry
from supernet.data.photos import bundled_photos, folder_photos
from supernet.data.render import RenderSettings, render_batch

PLAIN = Photometry(brightness=0, difference=0, shadow=0, noise=0, blur_px=0)
SETTINGS = RenderSettings(height=64, width=96, most_layers=3, photometry=PLAIN)


@pytest.fixture(scope="module")
def photos():
    return bundled_photos()


def test_the_seed_settles_every_pixel(photos):
    one, two = (render_batch(photos, SETTINGS, 2, 5) for _ in range(2))
    other = render_batch(photos, SETTINGS, 2, 6)
    assert torch.equal(one.frame1, two.frame1) and torch.equal(one.flow, two.flow)
    assert not torch.equal(one.frame1, other.frame1)


def test_pixels_are_bytes_and_flow_is_finite(photos):
    batch = render_batch(photos, RenderSettings(height=64, width=96), 4, 1)
    for frame in (batch.frame1, batch.frame2):
        assert frame.min() >= 0 and frame.max() <= 255 and torch.equal(frame, frame.round())
    assert torch.isfinite(batch.flow).all()


def test_flow_maps_frame_1_onto_frame_2(photos):
    """Warping frame 2 back by the true flow gives frame 1, but for occlusions and edges."""
    settings = RenderSettings(height=96, width=128, most_layers=2, photometry=PLAIN)
    batch = render_batch(photos, settings, 12, 3)
    height, width = settings.height, settings.width
    points = pixel_grid(height, width)[None] + batch.flow
    inside = (
        (points[:, 0] >= 0) & (points[:, 0] <= width - 1)
        & (points[:, 1] >= 0) & (points[:, 1] <= height - 1)
    )
    normal = 2 * points / torch.tensor([width - 1, height - 1]).view(1, 2, 1, 1) - 1
    warped = F.grid_sample(batch.frame2, normal.permute(0, 2, 3, 1), align_corners=True)
    gap = (warped - batch.frame1).abs().mean(1)[inside]
    still = (batch.frame2 - batch.frame1).abs().mean(1)[inside]
    assert gap.median() < 2  # of 255; interpolation alone
    assert gap.median() < 0.35 * still.median()


def test_a_folder_of_the_user_s_photographs(tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (photo, *_) = folder_photos(tmp_path)
    assert photo.shape == (3, 200, 300)
    assert torch.equal((photo * 255).round().byte(), torch.from_numpy(pixels).permute(2, 0, 1))


def test_unusable_folders_are_named(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        folder_photos(tmp_path / "absent")
    with pytest.raises(UserError, match="no image"):
        folder_photos(tmp_path)
    (tmp_path / "b.png").write_bytes(b"not an image")
    with pytest.raises(UserError, match="b.png"):
        folder_photos(tmp_path)
