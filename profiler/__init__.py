"""Measures: whole networks on a device, end to end and node by node."""

from profiler.timing import Measurement, measure_interleaved, measure_model

__all__ = ["Measurement", "measure_interleaved", "measure_model"]
