"""What every other wing stands on: errors, commands, progress, waiting, paths.

It imports no other wing.
"""
