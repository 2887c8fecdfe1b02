"""The simulator: what it answers, where it listens, and the clients and servers that prove it."""
