"""From sources to a binary and an image: version, toolchain, compiler, BuildKit.

It may import core and config.
"""
