"""A new feature of the service, by the shapes of the example: its own folder, and a few lines in what is there.

It may import core, config and build.
"""
