"""What operations look at: health, readiness, metrics and status, on a listener of its own. Nothing here decides."""
