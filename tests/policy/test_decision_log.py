"""`audit export --format opa` beside what a real OPA writes for the same question."""

from __future__ import annotations

import json
import subprocess
import time
from http.client import HTTPConnection

import pytest
from loopback import free_port

from readonly_guard.audit import Journal, read
from readonly_guard.audit.export import FORMATS, Origin
from readonly_guard.domain import DecisionRecord

pytestmark = pytest.mark.opa


def _an_event_of_opa(binary: str, question: dict) -> dict:
    port = free_port()
    command = [binary, "run", "--server", "--addr", f"127.0.0.1:{port}", "--log-level", "error"]
    process = subprocess.Popen(
        [*command, "--set", "decision_logs.console=true"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("POST", "/v1/data/readonly_guard/authz/decision", json.dumps({"input": question}))
                assert connection.getresponse().status == 200
                break
            except OSError:
                assert time.monotonic() < deadline, "OPA did not start"
                time.sleep(0.05)
            finally:
                connection.close()
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line)
            if "decision_id" in event:
                return event
    finally:
        process.terminate()
        process.communicate(timeout=10)
    raise AssertionError("no decision log event")


def test_an_event_has_the_names_and_types_of_opas_own(opa_binary, tmp_path):
    record = DecisionRecord(
        decision_id="00000000-0000-4000-8000-000000000001", time="2026-03-01T08:15:00.000001Z", session_id="s",
        subject="alind", hsa_id="", care_unit="", purpose="TREAT", case_reference="", print_reason="", justification="",
        action="read", activity="Läsa", phase="query", kinds=("select",), relations=("person",), functions=(),
        patients=("person_id:7",), statement="SELECT ?", fingerprint="f", verdict="allow", codes=(), warnings=(),
        obligations=(), policy_revision="r1", routine="", database="m", client_address="127.0.0.1:1", application_name="",
        listener="default",
    )  # fmt: skip
    with Journal.open(tmp_path / "journal") as journal:
        journal.append(record)
    (entry,) = read(tmp_path / "journal")
    ours = json.loads(FORMATS["opa"](Origin(version="0.1.0")).item(entry))

    theirs = _an_event_of_opa(opa_binary, ours["input"])

    shared = ours.keys() & theirs.keys()
    assert shared >= {"decision_id", "input", "labels", "path", "timestamp"}
    assert {name: type(ours[name]) for name in shared} == {name: type(theirs[name]) for name in shared}
    assert ours["path"] == theirs["path"]
    assert ours["input"] == theirs["input"]
    # the rest are members of the event that this OPA had no reason to write (plugins/logs EventV1)
    assert ours.keys() - theirs.keys() <= {"bundles", "erased", "requested_by", "result"}
