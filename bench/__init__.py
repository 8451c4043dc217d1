"""Measurements of deploys, side by side with others' ways, and the load that the tests of switches use."""
