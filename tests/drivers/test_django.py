"""Django: inspectdb of the whole schema, its models read as querysets, and the checks it makes by itself."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.client("Django")
SCRIPT = """
import io, sys, types, warnings
import django
from django.conf import settings

host, port, password, name = sys.argv[1:]
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": port, "USER": "alind",
        "PASSWORD": password, "NAME": name, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 60,
        "OPTIONS": {"options": "-c readonly_guard.purpose=TREAT", "server_side_binding": SERVER_SIDE},
    }},
    USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", INSTALLED_APPS=["django.contrib.contenttypes"],
)
django.setup()
from django.core.management import call_command
from django.db import connection, connections, models, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery, Window
from django.db.models.functions import Lower, RowNumber, TruncMonth
from django.db.utils import Error

source, trapped = io.StringIO(), io.StringIO()
call_command("inspectdb", include_views=True, include_partitions=True, stdout=trapped)
# inspectdb reads a row of everything, and one view of the demo writes when it is read
assert "Unable to inspect table 'visited_person'" in trapped.getvalue()
tables = set(connection.introspection.table_names(include_views=True)) - {"visited_person"}
call_command("inspectdb", *sorted(tables), stdout=source)
call_command("check", databases=["default"], stdout=io.StringIO(), stderr=io.StringIO())
call_command("showmigrations", stdout=io.StringIO())
chart = types.ModuleType("chart")
sys.modules["chart"] = chart
text = source.getvalue().replace("class Meta:\\n", "class Meta:\\n        app_label = 'chart'\\n")
exec(compile(text, "chart", "exec"), chart.__dict__)

assert chart.Person.objects.get(pk=900001).name_last == "Tolvansson"
assert chart.Person.objects.filter(Q(name_last__icontains="tolv") | Q(name_first__iregex="^x")).exists()
assert len(list(chart.ClinicalEvent.objects.select_related("person", "encntr").iterator(chunk_size=500))) == EVENTS
assert len(chart.Encounter.objects.prefetch_related("clinicalevent_set")[:20]) == 20
assert chart.ClinicalEvent.objects.annotate(m=TruncMonth("event_end_dt_tm")).values("m").annotate(n=Count("pk")).order_by("m")[0]
assert chart.Person.objects.annotate(r=Window(RowNumber(), order_by=F("name_last").asc()), l=Lower("name_last"))[:3]
newest = chart.Encounter.objects.filter(person=OuterRef("pk")).order_by("-reg_dt_tm").values("reg_dt_tm")[:1]
assert chart.Person.objects.annotate(newest=Subquery(newest)).exclude(newest=None).count()
assert chart.Person.objects.aggregate(Count("pk"))["pk__count"]
assert chart.Person.objects.filter(pk__in=[900001, 900002]).union(chart.Person.objects.filter(pk=900003)).count()
assert chart.Person.objects.filter(pk=900001).explain()
with transaction.atomic():
    assert chart.Allergy.objects.first()
    with transaction.atomic():
        assert chart.Allergy.objects.values_list("pk", flat=True)[:2]
connection.close_if_health_check_failed()
assert connection.is_usable()
print("READS OK", flush=True)
for write, code in (
    (lambda: chart.Person.objects.filter(pk=900001).update(name_last="X"), "RG-W02"),
    (lambda: chart.Allergy.objects.filter(pk=1).delete(), "RG-W05"),
    (lambda: chart.VisitLog(visit_log_id=1, person_id=1, visited_by="x", visit_dt_tm="2025-01-01T00:00Z").save(), "RG-W"),
):
    try:
        with transaction.atomic():
            write()
    except Error as error:
        assert code in str(error), error
        assert error.__cause__.sqlstate == "25006", error.__cause__.sqlstate
    else:
        raise AssertionError(code)
    assert chart.Person.objects.get(pk=900001).name_last == "Tolvansson"
print("WRITES OK")
with connection.cursor() as cursor:
    cursor.execute(MANY_ROWS)
    assert len(cursor.fetchall()) == HOW_MANY
print("LARGE OK")
"""


@pytest.fixture(scope="module")
def said(driver, gate):
    """What the script prints; it is run once for each way to bind parameters."""
    driver("django")
    known = {}

    def run(server_side: bool, gate=gate, **more):
        key = (server_side, gate.host, gate.port)
        if key not in known:
            script = SCRIPT.replace("SERVER_SIDE", str(server_side)).replace("EVENTS", str(gate.events))
            script = script.replace("HOW_MANY", str(gate.large_rows)).replace("MANY_ROWS", repr(gate.large))
            arguments = (gate.host, str(gate.port), gate.password, gate.name)
            known[key] = gate.run(sys.executable, "-c", script, *arguments, **more)
        done = known[key]
        return done.stdout, done.stderr

    return run


BINDING = pytest.mark.parametrize("server_side", [False, True], ids=["client-side binding", "server-side binding"])


@BINDING
@pytest.mark.shows("reads")
def test_inspectdb_and_its_models(said, server_side) -> None:
    out, error = said(server_side)
    assert "READS OK\n" in out, error


@BINDING
@pytest.mark.shows("denial")
def test_transactions_after_a_denial(said, server_side) -> None:
    out, error = said(server_side)
    assert "WRITES OK\n" in out, error


@BINDING
@pytest.mark.shows("large")
def test_a_large_result(said, server_side) -> None:
    out, error = said(server_side)
    assert out.endswith("LARGE OK\n"), error


@pytest.mark.shows("tls")
def test_tls(said, tls_gate) -> None:
    secure = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": tls_gate.root}
    out, error = said(False, tls_gate, **secure)
    assert out.endswith("LARGE OK\n"), error
    _, error = said(False, tls_gate._replace(host="127.0.0.1"), **secure)
    assert "does not match host name" in error
