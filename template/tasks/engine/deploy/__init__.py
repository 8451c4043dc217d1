"""A deploy as pages of steps, the same for every target, and what it asks of a target (`target.py`).

It may import core, config and build.
"""
