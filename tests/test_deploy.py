"""What is deployed: the Kubernetes manifest follows its schemas, and every process can run several times."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).parents[1]
MANIFEST: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/kubernetes/diligence.yaml").read_text())["items"]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PROCESSES = {"web", "worker", "scheduler"}


def test_the_manifest_follows_the_schemas_of_kubernetes() -> None:
    for resource in MANIFEST:
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_every_container_runs_without_privileges_on_a_file_system_that_it_cannot_change() -> None:
    pods = [resource["spec"]["template"]["spec"] for resource in MANIFEST if resource["kind"] in ("Deployment", "Job")]
    assert {container["args"][0] for pod in pods for container in pod["containers"]} == {*PROCESSES, "migrate"}
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"]
            assert not security["allowPrivilegeEscalation"]
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_the_processes_of_compose_can_be_scaled() -> None:
    for name in PROCESSES:
        service = COMPOSE["services"][name]
        assert "container_name" not in service
        for port in service.get("ports", ()):  # a range has a port for each
            assert "${DILIGENCE_PORTS:-8080}" in port
