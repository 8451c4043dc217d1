"""Faults on purpose, under load, and what they did.

It may import deploy and what that may: a fault is injected by the target.
"""
