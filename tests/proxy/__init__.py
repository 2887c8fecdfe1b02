"""What the addon does its work with, alone and in a real mitmproxy: its windows, the live page, what it prints."""
