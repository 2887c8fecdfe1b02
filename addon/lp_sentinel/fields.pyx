# cython: language_level=3, boundscheck=False, wraparound=False
"""Header fields as mitmproxy holds them, gone through by compiled code: each flow that passes is asked for some."""

from cpython.bytes cimport PyBytes_GET_SIZE


def values(fields, bytes name not None):
    """The values of the header ``name`` (lower-case), in order."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    cdef tuple field
    cdef bytes key
    found = None
    for entry in <tuple>fields if type(fields) is tuple else tuple(fields):
        # Another addon may have put lists there.
        field = <tuple>entry if type(entry) is tuple else tuple(entry)
        key = field[0]
        # Most names are of another length, so few are put into lower case.
        if PyBytes_GET_SIZE(key) == size and key.lower() == name:
            if found is None:
                found = []
            found.append(field[1])
    return found or ()
