"""One package for each outside system. See docs/architecture.md."""
