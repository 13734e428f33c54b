"""Training of weight-sharing networks and of their baselines."""
