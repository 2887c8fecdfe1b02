"""What the command ``lp-authorize`` does its work with: how it talks to shells and to those who wait at a terminal."""
