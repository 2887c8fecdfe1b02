"""How fast captures are judged, and what the addon costs a proxy: `make bench`."""
