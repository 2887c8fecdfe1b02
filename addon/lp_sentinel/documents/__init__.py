"""YAML files that people write: read safely, and every mistake in them shown where it stands."""
