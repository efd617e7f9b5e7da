"""What deploy/ holds is valid by its formats' own schemas, loads, and names only what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from readonly_guard.settings import load_settings
from readonly_guard_proxy.metrics.exposition import metrics
from readonly_guard_proxy.metrics.figures import Figures

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def _documents(path: Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _containers(document: dict) -> list[dict]:
    pod = document.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


class TestKubernetes:
    @pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
    @pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
    def test_every_object_is_valid(self, path, version):
        for document in _documents(path):
            kubernetes_validate.validate(document, version, strict=True)

    def test_the_schemas_would_find_a_mistake(self):
        document = _documents(MANIFESTS[0])[0]
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**document, "dat": {}}, "1.37", strict=True)

    @pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
    def test_their_guard_toml_loads_and_its_data_is_mounted(self, path, tmp_path):
        (data,) = (document["data"] for document in _documents(path) if document["kind"] == "ConfigMap")
        for name, text in data.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        settings = load_settings(tmp_path / "guard.toml")
        assert {Path(item).name for item in settings.policy.data} <= set(data)
        (pod,) = (document for document in _documents(path) if document["kind"] == "StatefulSet")
        guard = next(one for one in _containers(pod) if one["name"] == "readonly-guard")
        mounts = [mount["mountPath"] for mount in guard["volumeMounts"]]
        assert any(settings.journal.path.startswith(mount) for mount in mounts)
        assert settings.admin.port in {port["containerPort"] for port in guard["ports"]}
        grace = pod["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        pause = guard.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert grace >= pause + settings.limits.drain_s + 15

    def test_the_container_that_carries_the_log_is_valid_when_it_is_taken_in(self):
        text = (DEPLOY / "kubernetes" / "central.yaml").read_text(encoding="utf-8")
        taken_in = re.sub(r"^( {8})# (- name: forward|  .*)$", r"\1\2", text, flags=re.MULTILINE)
        documents = list(yaml.safe_load_all(taken_in))
        for document in documents:
            kubernetes_validate.validate(document, "1.37", strict=True)
        (pod,) = (document for document in documents if document["kind"] == "StatefulSet")
        guard, forward = _containers(pod)
        assert forward["args"][:2] == ["audit", "forward"]
        assert forward["image"] == guard["image"]
        assert forward["volumeMounts"] == guard["volumeMounts"]

    @pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
    def test_nothing_runs_as_root_or_may_become_it(self, path):
        for document in _documents(path):
            for container in _containers(document):
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


class TestSystemd:
    UNIT = DEPLOY / "systemd" / "readonly-guard.service"

    @pytest.fixture(params=["readonly-guard", "readonly-guard-forward"])
    def unit(self, tmp_path, request) -> Path:
        if shutil.which("systemd-analyze") is None:
            pytest.skip("needs systemd-analyze (Debian: systemd)")
        source = DEPLOY / "systemd" / f"{request.param}.service"
        text = source.read_text(encoding="utf-8").replace("/opt/readonly-guard/bin/readonly-guard", "/bin/true")
        path = tmp_path / source.name
        path.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
        return path

    def test_the_unit_is_understood(self, unit):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_it_is_hardened(self, unit):
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def test_the_reviews_units_are_understood_and_hardened(self, tmp_path):
        if shutil.which("systemd-analyze") is None:
            pytest.skip("needs systemd-analyze (Debian: systemd)")
        paths = sorted((DEPLOY / "systemd").glob("readonly-guard-review*"))
        assert len(paths) == 3
        copied = []
        for path in paths:
            text = path.read_text(encoding="utf-8").replace("/opt/readonly-guard/bin/readonly-guard", "/bin/true")
            copied.append(tmp_path / path.name)
            copied[-1].write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *copied], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        for service in (path for path in copied if path.suffix == ".service"):
            done = subprocess.run(
                ["systemd-analyze", "security", "--offline=true", "--threshold=20", service],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout

    def test_it_waits_longer_than_the_guard_does(self):
        text = self.UNIT.read_text(encoding="utf-8")
        (stop_s,) = re.findall(r"^TimeoutStopSec=(\d+)s$", text, re.MULTILINE)
        assert int(stop_s) >= 10.0 + 15.0 + 5.0  # limits.drain_s, the workers' grace, and some


class TestContainer:
    def test_it_copies_what_the_wheel_is_built_from(self):
        text = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
        copied = {
            name for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for name in line.split()[:-1]
        }
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        folders = {folder.partition("/")[0] for folder in project["tool"]["setuptools"]["package-dir"].values()}
        assert folders | {"pyproject.toml", "constraints.txt", project["project"]["readme"], "LICENSE"} == copied
        assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)


class TestAlerts:
    RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]

    def test_they_name_metrics_that_there_are(self):
        known = {"up"}
        for family in metrics(Figures(), version="", is_ready=True, log_free_bytes=0):
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
            known |= {f"{family.name}{suffix}" for suffix in suffixes}
        for rule in self.RULES:
            assert set(re.findall(r"readonly_guard_\w+", rule["expr"])) <= known, rule["alert"]

    def test_each_is_in_the_runbook(self):
        runbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        for rule in self.RULES:
            assert f"| `{rule['alert']}` |" in runbook
