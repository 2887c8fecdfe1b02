from lp_sentinel.captures.layout import Buffer
from lp_sentinel.captures.survey import Survey

def skip(
    buffer: Buffer,
    at: int,
    stop: int,
    base: int,
    found: Survey,
    hosts: dict[bytes | tuple[bytes, bytes], int],
    pages: dict[bytes, tuple[int, int]],
) -> tuple[int, bytes, bytes]: ...
