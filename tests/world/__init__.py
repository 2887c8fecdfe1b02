"""A small world to log in to: a Sentinel, apps, browsers and a proxy, all real and all on loopback."""
