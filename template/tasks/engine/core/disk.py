"""A disk that is full: how that is told, and what helps."""

NO_SPACE = "no space left on device"
"""What the operating system says, in whatever is passed on from it (ENOSPC of errno(3))."""
FREE_SPACE = "free some with docker builder prune and docker image prune, or give the engine a larger disk"
