"""The renderer ``scenes``: whole batches at once, on the device that trains."""

from supernet.data.scenes.render import render_scenes

__all__ = ["render_scenes"]
