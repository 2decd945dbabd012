"""Alembic's migrations. Each suits the release that is still running: expand, migrate, contract."""
