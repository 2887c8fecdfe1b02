"""Captures made safe to share: secrets replaced wherever they stand, so that the findings stay the same."""
