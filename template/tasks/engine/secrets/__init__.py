"""Changes of the secrets that are in git: by an editor, by name, for whom, and two people's edits in one.

It may import core and config.
"""
