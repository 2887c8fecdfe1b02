"""The playground: a simulated Sentinel, a small app and the proxy between them, to click through."""
