import pytest

from supernet.accuracy import load_accuracy
from tests.conformance.accuracy import AccuracyConformance


@pytest.mark.slow
class TestFlowAccuracy(AccuracyConformance):
    @pytest.fixture(scope="class")
    def accuracy(self):
        return load_accuracy("flownas-small")
