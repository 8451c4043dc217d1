"""This service and the template that it was made from: status and updates.

It may import core, config and build.
"""
