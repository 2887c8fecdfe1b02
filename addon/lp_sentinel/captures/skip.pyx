# cython: language_level=3, binding=False
"""Flows of which a glance tells whether they are of a login: one or two microseconds each.

This is no second reader: what it is not sure of it leaves to scan.py, so without it all is the same, but slower. It
knows the layout that layout.py describes, and reads no byte behind ``limit``.
"""

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset
from lp_sentinel.text cimport IN_DOUBT, OF_LOGIN, OTHER, Span, Text, Verdict, is_word, verdict_by_path

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define fetch(place) __builtin_prefetch(place)
    #else
    #define fetch(place) ((void)(place))
    #endif
    """
    void fetch(const void *place) noexcept nogil

cdef enum:
    LINE = 64  # bytes that memory gives at a time
    BEHIND_BODY = 24  # lines in which the headers and the request mostly are
    SLOTS = 512  # for the texts of hosts that came last, and as many for those of pages
    LONGEST = 236  # so that a slot is four cache lines


cdef struct Slot:
    uint64_t key
    short first, rest  # how long the texts are; both 0 if the slot is free
    int group
    int alike
    unsigned char text[LONGEST]


cdef struct Flow:
    Text end
    Text answer_end
    Text behind_body  # of the answer
    Span naming  # what its hosts are told from
    Span started
    Span host  # the Host header, where that counts
    Span referer


cdef inline void fetch_lines(Text at, int count) noexcept nogil:
    """Ask for lines of memory that are about to be read: they come together, and not one after the other."""
    cdef int line
    for line in range(count):
        fetch(at + LINE * line)


cdef inline bint is_digit(unsigned char byte) noexcept nogil:
    return c"0" <= byte <= c"9"


cdef inline bint number(Text *at, Text limit, Py_ssize_t *value) noexcept nogil:
    """Read a length and its colon."""
    cdef Text begin = at[0]
    value[0] = 0
    while at[0] < limit and is_digit(at[0][0]):
        value[0] = value[0] * 10 + at[0][0] - c"0"
        at[0] += 1
        if at[0] - begin > 12:
            return False
    if at[0] == begin or at[0] == limit or at[0][0] != c":":
        return False
    at[0] += 1
    return True


cdef inline bint literal(Text *at, Text limit, const char *text, Py_ssize_t size) noexcept nogil:
    """Read what must stand here."""
    if limit - at[0] < size or memcmp(at[0], text, size):
        return False
    at[0] += size
    return True


cdef inline bint sized(Text *at, Text limit, Span *value) noexcept nogil:
    """Read a length and the bytes that it counts, behind which there is at least one more."""
    cdef Py_ssize_t size
    if not number(at, limit, &size) or limit - at[0] <= size:
        return False
    value.begin, value.end = at[0], at[0] + size
    at[0] += size
    return True


cdef bint times(Text *at, Text limit, Span *started, Py_ssize_t *body) noexcept nogil:
    """Read from the end of a message's times to the length of its body."""
    cdef Span ended
    cdef Text digit
    if not literal(at, limit, "13:timestamp_end;", 17) or not sized(at, limit, &ended):
        return False
    digit = ended.begin
    while digit < ended.end:
        if not is_digit(digit[0]) and digit[0] != c".":
            return False
        digit += 1
    if at[0][0] != c"^" and at[0][0] != c"~":
        return False
    at[0] += 1
    if not literal(at, limit, "15:timestamp_start;", 19) or not sized(at, limit, started):
        return False
    if started.end - started.begin < 12 or started.begin[10] != c".":
        return False
    digit = started.begin
    while digit < started.end:
        if not is_digit(digit[0]) and digit != started.begin + 10:
            return False
        digit += 1
    return literal(at, limit, "^8:trailers;0:~7:content;", 25) and number(at, limit, body)


cdef bint headers(Text *at, Text limit, Span *block) noexcept nogil:
    """Read the headers that follow a body."""
    if at[0] >= limit or (at[0][0] != c"," and at[0][0] != c"~"):
        return False
    at[0] += 1
    if not literal(at, limit, "7:headers;", 10) or not sized(at, limit, block) or at[0][0] != c"]":
        return False
    at[0] += 1
    return True


cdef int named(Span block, const char *name, Py_ssize_t size, Span *header) noexcept nogil:
    """How many headers begin with a name and its length, and the last of them, as it stands there.

    -1 if the layout is another one.
    """
    cdef Span entry
    cdef Text at = block.begin
    cdef int count = 0
    while at < block.end:
        if not sized(&at, block.end, &entry) or at[0] != c"]":
            return -1
        at += 1
        if entry.begin[0] == c"0":
            return -1  # other lengths may stand behind a zero
        if entry.end - entry.begin > size and entry.begin[0] == name[0] and is_word(entry.begin, name, size):
            header.begin, header.end = entry.begin, entry.end - 1
            count += 1
    return count


cdef bint may_lead_back(Span block) noexcept nogil:
    """Whether an answer may name a place with parameters: if in doubt, it does."""
    cdef Span location
    cdef Text at
    cdef int count = named(block, "8:location,", 11, &location)
    if count == 0:
        return False
    if count != 1:
        return True
    at = location.begin
    while at < location.end:
        if at[0] <= c" " or at[0] == c"?" or at[0] == c"&" or at[0] == c"#":
            return True
        at += 1
    return False


cdef bint begins(Text at, Text limit, Flow *flow) noexcept nogil:
    """Read how a flow of the usual layout begins, and ask for what :func:`verdict_of` will read of it."""
    cdef Py_ssize_t size, body
    cdef Span reason, unused
    if not number(&at, limit, &size) or limit - at <= size:
        return False
    flow.end = at + size + 1
    fetch_lines(flow.end - LINE, 3)  # how this flow ends and the next one begins
    if not literal(&at, flow.end, "9:websocket;0:~8:response;", 26) or not number(&at, flow.end, &size):
        return False
    if flow.end - at <= size:
        return False
    flow.answer_end = at + size
    if not literal(&at, flow.answer_end, "6:reason;", 9) or not sized(&at, flow.answer_end, &reason):
        return False
    while reason.begin < reason.end:
        if reason.begin[0] == c"," or reason.begin[0] == c";" or reason.begin[0] == c"#" or reason.begin[0] == c"^":
            return False
        reason.begin += 1
    if not literal(&at, flow.answer_end, ",11:status_code;3:", 18) or flow.answer_end - at < 4:
        return False
    if not (is_digit(at[0]) and is_digit(at[1]) and is_digit(at[2]) and at[3] == c"#"):
        return False
    at += 4
    if not times(&at, flow.answer_end, &unused, &body) or flow.answer_end - at <= body:
        return False
    flow.behind_body = at + body
    fetch_lines(flow.behind_body, BEHIND_BODY)
    return True


cdef Verdict verdict_of(Flow *flow) noexcept nogil:
    """Read the rest of a flow that has begun: whether it is of a login, as far as it tells by itself."""
    cdef Py_ssize_t size, body
    cdef Span value, block
    cdef Text at = flow.behind_body, limit = flow.end, request_end, stop
    cdef int place
    cdef Verdict by_path
    if limit - at < 31 or memcmp(limit - 31, ";4:type;4:http;7:version;2:21#}", 31):
        return IN_DOUBT
    at = flow.answer_end + 1
    if not literal(&at, limit, "7:request;", 10) or not number(&at, limit, &size) or limit - at <= size:
        return IN_DOUBT
    request_end = at + size
    if not literal(&at, request_end, "4:path;", 7) or not sized(&at, request_end, &value):
        return IN_DOUBT
    by_path = verdict_by_path(value)
    flow.naming.begin = at
    if not literal(&at, request_end, ",9:authority;", 13):
        return IN_DOUBT
    for place in range(5):
        stop = <Text>memchr(at, c";", request_end - at)
        if stop is NULL or stop == at:
            return IN_DOUBT
        at = stop + 1
    flow.naming.end = at - 1
    if not times(&at, request_end, &flow.started, &body) or request_end - at <= body:
        return IN_DOUBT
    if by_path != OTHER:
        return by_path  # its time is known, and of a login nothing else is asked here
    at += body
    if not headers(&at, request_end, &block):
        return IN_DOUBT
    if not literal(&at, request_end, "12:http_version;", 16) or not sized(&at, request_end, &value):
        return IN_DOUBT
    if at + 1 != request_end or at[0] != c",":
        return IN_DOUBT
    flow.host.begin = flow.host.end = flow.referer.begin = flow.referer.end = NULL
    size = value.end - value.begin
    if not (size == 8 and is_word(value.begin, "http/2.0", 8)) and not (size == 6 and is_word(value.begin, "http/3", 6)):
        place = named(block, "4:host,", 7, &flow.host)
        if place < 0 or place > 1:
            return IN_DOUBT
    place = named(block, "7:referer,", 10, &flow.referer)
    if place < 0 or place > 1:
        return IN_DOUBT
    at = flow.behind_body
    return OTHER if headers(&at, flow.answer_end, &block) and not may_lead_back(block) else IN_DOUBT


cdef inline bytes text(Span span):
    return PyBytes_FromStringAndSize(<const char *>span.begin, span.end - span.begin)


cdef inline bint is_later(Span one, Span other) noexcept nogil:
    """Whether a time is later than another one; both have ten digits before the point."""
    cdef Py_ssize_t size = min(one.end - one.begin, other.end - other.begin)
    cdef int order = memcmp(one.begin, other.begin, size)
    return order > 0 or (order == 0 and one.end - one.begin > size)


cdef inline uint64_t key_of(uint64_t key, Span span) noexcept nogil:
    """A number that other texts rarely have."""
    cdef Text at = span.begin
    cdef uint64_t piece
    while span.end - at >= 8:
        memcpy(&piece, at, 8)
        key = (key ^ piece) * 0x9E3779B97F4A7C15ULL
        key ^= key >> 29
        at += 8
    piece = 0
    if at < span.end:  # there may be no text at all, and none must be copied from nowhere
        memcpy(&piece, at, span.end - at)
    key = (key ^ piece ^ <uint64_t>(span.end - span.begin) << 56) * 0x9E3779B97F4A7C15ULL
    return key ^ key >> 32


cdef inline bint holds(Slot *slot, uint64_t key, Span one, Span other) noexcept nogil:
    """Whether a slot is of these two texts."""
    cdef Py_ssize_t size = one.end - one.begin, rest = other.end - other.begin
    if slot.key != key or slot.first != size or slot.rest != rest or not size:
        return False
    return not memcmp(slot.text, one.begin, size) and not (rest and memcmp(slot.text + size, other.begin, rest))


cdef inline void keep(Slot *slot, uint64_t key, Span one, Span other, int group, int alike) noexcept nogil:
    """Let a slot be of these two texts, if they are not too long and the group is a known one."""
    cdef Py_ssize_t size = one.end - one.begin, rest = other.end - other.begin
    if group > 0 and size + rest <= LONGEST:
        slot.key, slot.first, slot.rest, slot.group, slot.alike = key, size, rest, group, alike
        memcpy(slot.text, one.begin, size)
        if rest:
            memcpy(slot.text + size, other.begin, rest)


cdef class Skipper:
    """Adds flows to a survey; ``groups`` are scan.py's.

    The groups of the texts that came last are looked up by their bytes, without a Python object being made of them.
    """

    cdef object _survey, _groups
    cdef Slot[SLOTS] _hosts, _pages

    def __cinit__(self, survey, groups):
        self._survey, self._groups = survey, groups
        memset(self._hosts, 0, sizeof(self._hosts))
        memset(self._pages, 0, sizeof(self._pages))

    def skip(self, buffer, Py_ssize_t at, Py_ssize_t stop, Py_ssize_t base):
        """Add flows that begin from ``at`` on, up to ``stop`` or the first that needs a closer look.

        ``base`` is where the buffer stands in the file. Where the next flow begins, and when the last one and the
        latest one started; these are empty if none was added.
        """
        cdef Py_buffer view
        cdef Text begin, limit
        cdef Flow flow, following
        cdef bint is_begun
        cdef Span started, latest
        cdef array.array offsets = self._survey.offsets, hosts = self._survey.hosts, pages = self._survey.pages
        cdef array.array belonging = self._survey.belonging
        cdef unsigned int place = len(offsets)
        cdef unsigned long long offset
        cdef Verdict verdict
        cdef int group, page, alike
        started.begin = latest.begin = NULL
        PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
        try:
            begin = <Text>view.buf
            limit = begin + view.len
            # Each flow is read while memory brings what will be read of the one behind it.
            is_begun = at < stop and begins(begin + at, limit, &following)
            while is_begun:
                flow = following
                is_begun = flow.end - begin < stop and begins(flow.end, limit, &following)
                verdict = verdict_of(&flow)
                if verdict == IN_DOUBT:
                    break
                group = page = 0
                if verdict == OF_LOGIN:
                    array.extend_buffer(belonging, <char *>&place, 1)
                else:
                    group = self._host(&flow, place)
                    if group < 0:
                        break
                    if flow.referer.begin is not NULL:
                        page = self._page(flow.referer, place, &alike)
                        if page < 0:
                            break
                        if alike >= 0:
                            self._survey.asking.append(place)
                            self._survey.alike.append(alike)
                offset = base + at
                array.extend_buffer(offsets, <char *>&offset, 1)
                array.extend_buffer(hosts, <char *>&group, 1)
                array.extend_buffer(pages, <char *>&page, 1)
                place += 1
                at = flow.end - begin
                started = flow.started
                if latest.begin is NULL or is_later(started, latest):
                    latest = started
            return (at, text(started), text(latest)) if started.begin else (at, b"", b"")
        finally:
            PyBuffer_Release(&view)

    cdef int _host(self, Flow *flow, Py_ssize_t place) except -2:
        cdef uint64_t key = key_of(key_of(1, flow.naming), flow.host)
        cdef Slot *slot = &self._hosts[key % SLOTS]
        if holds(slot, key, flow.naming, flow.host):
            return slot.group
        naming, header = text(flow.naming), b"" if flow.host.begin is NULL else text(flow.host)
        known = self._groups.hosts.get((naming, header))
        cdef int group = self._groups.host(naming, header, place) if known is None else known
        keep(slot, key, flow.naming, flow.host, group, -1)
        return group

    cdef int _page(self, Span referer, Py_ssize_t place, int *alike) except -2:
        cdef Span nothing = Span(NULL, NULL)
        cdef uint64_t key = key_of(1, referer)
        cdef Slot *slot = &self._pages[key % SLOTS]
        if holds(slot, key, referer, nothing):
            alike[0] = slot.alike
            return slot.group
        header = text(referer)
        known = self._groups.pages.get(header)
        group, alike[0] = self._groups.page(header, place) if known is None else known
        keep(slot, key, referer, nothing, group, alike[0])
        return group
