"""A real S3 server for tests: SeaweedFS (the program `weed`), which a package of the test requirements brings.

It keeps its files in a folder of the test run, listens on this machine only and is ended with the run.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from patience import wait_until

WEED = Path(sys.executable).with_name("weed")
KEY, SECRET = "diligence", "invented-secret"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
         "s3.port", "s3.port.grpc")  # fmt: skip


@contextmanager
def started(folder: Path) -> Iterator[dict[str, str]]:
    """A server with its files in a folder, and the environment variables with which a client finds it."""
    access = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [access]}))
    ports = dict(zip(PORTS, find_free_ports(len(PORTS)), strict=True))
    options = [f"-{name}={port}" for name, port in ports.items()]
    options += [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=100",
    ]
    options += ["-filer", "-s3", f"-s3.config={folder / 's3.json'}"]
    options += ["-master.telemetry=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen([WEED, "server", *options], stdout=log, stderr=log, cwd=folder)
    try:
        wait_until(lambda: process.poll() is None and accepts(ports["s3.port"]))
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
    finally:
        process.kill()
        process.wait()


def find_free_ports(count: int) -> list[int]:
    """Free ports of this machine."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def accepts(port: int) -> bool:
    """Whether a server listens on a port."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
