"""Several worker processes on one port, and the one that keeps them: starts, restarts, signals, and speaks for them."""
