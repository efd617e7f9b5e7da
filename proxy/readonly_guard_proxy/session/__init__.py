"""The session machine: events in, commands out. No I/O, no clock, no log; time and identifiers stay outside."""
