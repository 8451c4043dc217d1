"""Looking into a running service from outside, without a change or a restart of it, by eBPF.

It may import deploy and what that may: the target says what serves.
"""
