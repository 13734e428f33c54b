"""Whole searches of classifiers, from training to report; only the latencies are made up."""

import numpy as np

from evolution.conduct import conduct
from evolution.prepare import Options, plan
from evolution.progress import View
from evolution.recipe import load_recipe
from luts.recipes import recipe_text
from luts.spaces import load_space
from supernet import train as train_command
from supernet.accuracy import load_accuracy
from tests.evolution.toys import ToyMeasurement, ToyPredictor
from tests.predictor.tables import make_table

FEW = {"population": 8, "generations": 3, "parents": 3, "mutations": 4, "crossovers": 4}


def trained(name, folder, changes=(), data=None):
    """Trains reference and supernet by the command."""
    train_command.main(
        recipe=name, network=train_command.Network.both, architecture=None, stage=None, data=data,
        out=folder, steps=None, batch=None, changes=list(changes), seed=0, photos=None, threads=1,
        start_from=None, teacher=None, device="cpu", workers=1, save_every=250, resume=False)


def searched(name, folder, weights, settings=None):
    """Searches with a table whose latencies follow from FLOPs."""
    space = load_space(name)
    table = make_table(space, space.sample(np.random.default_rng(0), 12))
    recipe = load_recipe(name)
    if settings is not None:
        section = recipe.strategy.model_copy(update={"settings": settings})
        recipe = recipe.model_copy(update={"strategy": section})
    made = plan(Options("cpu", recipe=name, out=folder, latency="90%"), recipe=recipe,
                text=recipe_text(name), path=folder, space=space, table=table,
                predictor=ToyPredictor(space, table))

    def measure(paths):
        return {path: ToyMeasurement(*[made.settings.latency_ms * 0.9] * 4) for path in paths}

    accuracy = load_accuracy(name, weights)
    return conduct(made, accuracy, measure, View()), accuracy
