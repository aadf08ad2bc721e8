"""What the order desk costs, beside other ways of doing the same work.

`make bench` runs it. One module a question; each arm works on a fresh copy of the
same data, is checked after it ran, and takes turns with its peers.
"""
