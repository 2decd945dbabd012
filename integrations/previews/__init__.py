"""Previews: the `HttpChecks` port. Asks what the catalogue lists, and nobody else."""

from integrations.previews.client import PreviewChecks

__all__ = ["PreviewChecks"]
