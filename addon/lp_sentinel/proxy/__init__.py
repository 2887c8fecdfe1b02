"""What the addon does its work with: flows and mitmproxy's windows are known here, and in few other places."""
