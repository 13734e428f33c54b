"""Parts of the learned operator model; `predictor.operator_model` is the way in."""
