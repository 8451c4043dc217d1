"""The process target: two slots as processes of this machine behind a small front door.

It may import deploy, edge and what those may.
"""
