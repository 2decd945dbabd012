"""How long a test waits in real time for what does answer: no machine is too slow for that.

A test of a time limit sets a short one of its own, for that call alone.
"""

PATIENT = 60.0
"""Seconds."""
