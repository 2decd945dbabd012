"""Stand-ins that speak the real HTTP APIs of other people's servers.

The demo and the tests run the real clients against them, unchanged. They keep state, obey the
rules that matter and make faults on demand. They import nothing of `bot` and nothing of
`commands`: they play somebody else's server.
"""
