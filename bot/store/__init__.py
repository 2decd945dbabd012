"""Our own database, and the only SQL. One file a noun; `session` opens transactions."""
