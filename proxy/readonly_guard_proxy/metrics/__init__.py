"""What the proxy counts: live meters, their figures as values that add up over processes, and their Prometheus text."""
