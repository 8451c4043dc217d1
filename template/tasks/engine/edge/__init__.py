"""The front door: what it is made from, and HAProxy's runtime API.

It may import core.
"""
