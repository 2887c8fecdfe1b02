"""Judge Sentinel logins as they pass: ``mitmdump -s addon/lp_authorize.py``."""

import sys

# mitmproxy reloads this script when it changes, but would go on with the modules that it has imported.
left = getattr(sys.modules.get("lp_sentinel.proxy.legacy"), "LEFT", ())
for name in [name for name in sys.modules if name.partition(".")[0] == "lp_sentinel"]:
    del sys.modules[name]

from lp_sentinel.mitm import Addon  # noqa: E402

addons = [Addon(*left)]
