"""What people may say: one file a verb, with its grammar and its handler."""
