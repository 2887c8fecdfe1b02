"""A Sentinel for tests: answers as LivePerson's pages say, on this machine only. Needs the extra ``simulate``."""
