"""YAML files that people write, and the mistakes in them."""
