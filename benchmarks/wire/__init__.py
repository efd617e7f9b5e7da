"""What the guard costs on the wire: PostgreSQL asked directly, through PgBouncer and through the guard, in one run.

    python -m benchmarks.wire --help

Everything is started here, on loopback and ports of the system's choice, and gone afterwards: a PostgreSQL of the
distribution's with pgbench's tables, its PgBouncer in session mode, and the guard as its operators run it, with the
catalog, policies, signed journal and all. The ways are measured in turn, round after round, so that a noisy machine is
as unkind to one as to the other; what is shown are medians of rounds and medians of ratios within a round. On a machine
shared with others, CPU time a transaction of the proxy's processes is the number to believe.

From the bottom: ``faults``; ``processes`` (what a process uses), ``certificates``; ``records`` and ``database``;
``routes`` (a way to the database), ``pgbouncer``, ``opa`` and ``guard``; ``workloads`` (what is asked), ``options``
and ``stage`` (everything started); ``pgbench`` and ``load`` (a case, once), ``figures`` (medians and ratios) and
``curves``; what is measured: ``campaign`` (loads), ``transfer`` (large results), ``idle``, ``growth``,
``instructions``; ``machine``, ``report``, ``plot``, ``run``; and ``document``, which writes docs/performance.md.
"""
