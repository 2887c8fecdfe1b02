# cython: language_level=3, boundscheck=False, wraparound=False
"""What each flow that passes is asked, answered by compiled code."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from lp_sentinel.text cimport OTHER, Span, Text, is_word, verdict_by_path


def may_name_login(bytes path not None):
    """Whether a request's path and query may be those of a step of a login: if in doubt, they are."""
    cdef Text begin = <Text>PyBytes_AS_STRING(path)
    return verdict_by_path(Span(begin, begin + PyBytes_GET_SIZE(path))) != OTHER


def values(fields, bytes name not None):
    """The values of the header ``name`` (lower-case), in order; ``fields`` are as mitmproxy holds them."""
    found = []
    for entry in <tuple>fields if type(fields) is tuple else tuple(fields):
        if named(entry, name):
            found.append(entry[1])
    return found


def first(fields, bytes name not None):
    """The first value of the header ``name`` (lower-case); ``None`` if there is none."""
    for entry in <tuple>fields if type(fields) is tuple else tuple(fields):
        if named(entry, name):
            return entry[1]
    return None


cdef inline bint named(entry, bytes name) except -1:
    # Another addon may have put lists there.
    cdef tuple field = <tuple>entry if type(entry) is tuple else tuple(entry)
    cdef bytes key = field[0]
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    return PyBytes_GET_SIZE(key) == size and is_word(<Text>PyBytes_AS_STRING(key), PyBytes_AS_STRING(name), size)
