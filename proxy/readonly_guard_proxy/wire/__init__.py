"""PostgreSQL's frontend/backend protocol as bytes: frames, startup packets, message codecs. No domain type, no I/O."""
