"""Where new texts are read: in worker processes with a deadline, so that a parser can crash or hang alone."""
