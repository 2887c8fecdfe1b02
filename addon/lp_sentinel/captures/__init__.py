"""Captures: flow files and HAR files, read no further than a login needs."""
