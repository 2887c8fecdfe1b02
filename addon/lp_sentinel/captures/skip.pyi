from lp_sentinel.captures.layout import Buffer
from lp_sentinel.captures.scan import Groups
from lp_sentinel.captures.survey import Survey

def skip(buffer: Buffer, at: int, stop: int, base: int, found: Survey, groups: Groups) -> tuple[int, bytes, bytes]: ...
