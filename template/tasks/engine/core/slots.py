"""The two slots of an environment: one serves, the next release comes into the other one."""

SLOTS = ("blue", "green")


def other(slot: str) -> str:
    """The slot that is not `slot`; the first one where nothing is live yet."""
    return SLOTS[1] if slot == SLOTS[0] else SLOTS[0]
