"""How far a run has come, as one who waits at a terminal sees it."""
