"""Fault plans: what they say, what they do to bytes, and what becomes of a live login."""
