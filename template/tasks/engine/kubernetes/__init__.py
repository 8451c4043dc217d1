"""The kubernetes target: the service's own manifests, by the user's kubectl; records, lock and history in the cluster.

It may import deploy and below.
"""
