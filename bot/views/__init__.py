"""All words that people read: pure functions from values to messages. No I/O, no clock."""
