"""All I/O of the proxy: sockets, tasks, time. Nothing is decided here and no message is looked into."""
