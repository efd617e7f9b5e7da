"""What the guard costs on the wire: PostgreSQL asked directly, through PgBouncer and through the guard, in one run.

    python -m benchmarks.wire --help

Everything is started here, on loopback and ports of the system's choice, and gone afterwards: a PostgreSQL of the
distribution's with pgbench's tables, its PgBouncer in session mode, and the guard as its operators run it, with the
catalog, policies, signed journal and all. The ways are measured in turn, round after round, so that a noisy machine is
as unkind to one as to the other; what is shown are medians of rounds and medians of ratios within a round. On a machine
shared with others, CPU time a transaction of the proxy's processes is the number to believe.

From the bottom: ``faults`` and ``values``; ``processes`` (what a process uses), ``certificates``, ``database``;
``routes`` (a way to the database) with ``pgbouncer``, ``guard`` and its ``opa``; ``pgbench`` (the load);
``campaign`` (the rounds), ``figures`` (medians and ratios), ``report``, ``machine``.
"""
