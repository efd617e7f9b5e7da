"""The PostgreSQL proxy: every text is decided by a guard before it reaches the server.

Four floors, each importing only downwards: `service` composes, `net` does all I/O with clients and servers, `session`
is the machine that knows no I/O and no clock, `wire` knows bytes. Beside `net` is `reading`: worker processes in which
the guard has new texts read.
"""
