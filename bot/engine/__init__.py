"""Durable execution: rows and ticks (DESIGN §4)."""
