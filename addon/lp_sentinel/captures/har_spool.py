"""A HAR gone through once, of any size and from any source, with what exchanges are made of in a temporary file."""

from __future__ import annotations

from array import array
from typing import BinaryIO

from lp_sentinel.captures.har import exchange_of, find_exchanges, pack, unpack
from lp_sentinel.captures.stream import Stream
from lp_sentinel.captures.survey import Survey
from lp_sentinel.exchange import Exchange

_AT_ONCE = 1 << 18
"""Bytes of records that are written together."""


class SpooledHar:
    """The exchanges of a HAR, each made when it is asked for."""

    def __init__(self, stream: Stream, file: BinaryIO) -> None:
        self.held = 0
        """How many there are."""
        self.survey = survey = Survey()
        self._file = file
        self._begins = begins = array("Q", [0])
        """Where the record of each entry begins; that of an entry without an exchange is empty."""
        self._creator: str | None = None
        records, written, end = list[bytes](), 0, 0
        for found in find_exchanges(stream):
            self.held += 1
            request_line, place, self._creator = found.request_line, found.place, found.creator
            survey.note(place, found.started, request_line.host, request_line.target, found.location, found.referer)
            records.append(record := pack(found))
            begins.extend([end] * (place + 1 - len(begins)))
            begins.append(end := end + len(record))
            if end - written > _AT_ONCE:
                written += file.write(b"".join(records))
                records.clear()
        file.write(b"".join(records))

    def exchange(self, place: int) -> Exchange:
        begin, end = self._begins[place : place + 2]
        self._file.seek(begin)
        return exchange_of(unpack(self._file.read(end - begin), place, self._creator))
