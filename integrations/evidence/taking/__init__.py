"""Takes reports in over HTTP: who sends it, the receiver, reading apart, and the sender's side."""
