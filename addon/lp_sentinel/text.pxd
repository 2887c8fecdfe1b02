# cython: language_level=3
"""Texts as compiled code sees them: bytes that are in memory somewhere."""

from libc.string cimport memcmp

ctypedef const unsigned char *Text


cdef struct Span:
    Text begin
    Text end


cdef inline bint is_word(Text at, const char *word, Py_ssize_t size) noexcept nogil:
    """Whether a word of small letters stands here, in whatever case."""
    cdef Py_ssize_t place
    cdef unsigned char letter
    for place in range(size):
        letter = word[place]
        if at[place] != letter and (letter < c"a" or at[place] != letter - 32):
            return False
    return True


cdef enum Verdict:
    OTHER
    IN_DOUBT  # Python is to look closer
    OF_LOGIN


cdef inline Verdict verdict_by_path(Span path) noexcept nogil:
    """Whether a path and its query are those of a step of a login.

    An encoded name is in doubt, as what is encoded may also be a value with ``=`` in it.
    """
    cdef Text at = path.begin, name = NULL
    cdef bint is_encoded = False
    cdef unsigned char byte
    while at < path.end:
        byte = at[0]
        if (byte | 0x20) == c"s" and path.end - at >= 8 and is_word(at, "sentinel", 8):
            return OF_LOGIN
        if byte == c"?" or (name is not NULL and (byte == c"&" or byte == c"#")):
            name, is_encoded = at + 1, is_encoded and byte == c"?"
        elif name is not NULL and byte == c"%":
            is_encoded = True
        elif name is not NULL and byte == c"=":
            if at - name == 4 and not memcmp(name, "code", 4):
                return OF_LOGIN
            if at - name == 5 and (not memcmp(name, "error", 5) or not memcmp(name, "state", 5)):
                return OF_LOGIN
            if is_encoded:
                return IN_DOUBT
        at += 1
    return OTHER
