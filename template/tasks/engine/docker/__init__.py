"""The docker target: two slots of a compose stack behind the front door, here or on hosts.

It may import deploy, edge and what those may.
"""
