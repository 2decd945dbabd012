"""Kubernetes: the `Cluster` port over the asyncio client. Every write carries its precondition."""

from integrations.kubernetes.cluster import KubernetesCluster

__all__ = ["KubernetesCluster"]
