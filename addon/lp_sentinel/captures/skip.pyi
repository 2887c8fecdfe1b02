from lp_sentinel.captures.layout import Buffer
from lp_sentinel.captures.scan import Groups
from lp_sentinel.captures.survey import Survey

class Skipper:
    def __init__(self, survey: Survey, groups: Groups) -> None: ...
    def skip(self, buffer: Buffer, at: int, stop: int, base: int) -> tuple[int, bytes, bytes]: ...
