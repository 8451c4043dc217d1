"""What is set: `invoke.yaml`, the schema in `.env.example`, the environment files and their check.

It may import core.
"""
