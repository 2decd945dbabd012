"""iCalendars: the `CalendarSource` port. Reads what the catalogue names, and nothing else."""

from integrations.calendars.client import ICalendars

__all__ = ["ICalendars"]
