"""The parts of a run's report; `evolution.report` puts them together."""
