"""What a release is, and how it is carried out. See docs/architecture.md."""
