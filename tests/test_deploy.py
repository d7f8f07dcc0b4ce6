"""What is deployed: the Kubernetes manifest follows its schemas, and every process can run several times."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).parents[1]
MANIFEST: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/kubernetes/diligence.yaml").read_text())["items"]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROCESSES = {"web", "worker", "scheduler"}
PINNED = re.compile(r"docker\.io/library/[a-z]+:[0-9a-z.-]+@sha256:[0-9a-f]{64}")


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


def test_every_image_from_elsewhere_is_pinned_by_its_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1  # built and run with the same Python
    services = COMPOSE["services"].values()
    elsewhere = [service["image"] for service in services if "build" not in service]
    assert elsewhere
    assert all(PINNED.fullmatch(image) for image in [*bases, *elsewhere])


def test_nothing_of_compose_but_the_database_can_write_to_its_root_file_system() -> None:
    services = {name: service for name, service in COMPOSE["services"].items() if name != "database"}
    assert services.keys() >= PROCESSES
    for service in services.values():
        assert service["read_only"]
        assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
        assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/data"]


def list_health_commands() -> dict[str, list[str]]:
    """The command of every health check: of the image, of compose and of Kubernetes."""
    image = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert image
    commands = {"image": yaml.safe_load(image[1])}
    for name in ("worker", "scheduler"):
        commands[f"compose {name}"] = COMPOSE["services"][name]["healthcheck"]["test"][1:]
    for resource in MANIFEST:
        if resource["kind"] == "Deployment":
            for container in resource["spec"]["template"]["spec"]["containers"]:
                for kind in ("readinessProbe", "livenessProbe"):
                    if "exec" in container[kind]:
                        commands[f"{kind} {container['name']}"] = container[kind]["exec"]["command"]
    return commands


def test_the_health_of_every_process_is_checked_by_the_command_for_it() -> None:
    commands = list_health_commands()
    assert len(commands) == 7
    for where, command in commands.items():
        process = where.split()[-1]
        expected = ["/app/.venv/bin/diligence", "health", process]
        assert command == (expected[:2] if process == "image" else expected)


def test_only_migrations_know_the_role_that_owns_the_tables() -> None:
    owner = "DILIGENCE_OWNER_DATABASE_URL"
    for name, service in COMPOSE["services"].items():
        if name != "database":
            assert "//diligence_app:" in service["environment"]["DILIGENCE_DATABASE_URL"]
            assert (owner in service["environment"]) == (name == "migrate")
    pods = [resource["spec"]["template"]["spec"] for resource in MANIFEST if resource["kind"] in ("Deployment", "Job")]
    for container in (container for pod in pods for container in pod["containers"]):
        secrets = [source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source]
        assert secrets == (["diligence-owner"] if container["name"] == "migrate" else [])
        assert {"DILIGENCE_DATABASE_URL", "DILIGENCE_SYSTEM_DATABASE_URL"} <= {
            each["name"] for each in container["env"]
        }
