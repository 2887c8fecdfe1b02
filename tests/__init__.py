"""The tests, one file for each module, and the world they live in."""
