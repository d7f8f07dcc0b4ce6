"""Join what the generator of scripts/sbom found, add the packages that reach browsers and reports, and print the result.

A pinned package that is not installed, or in another version, ends it with an error: its licence would be unknown.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

Bom = dict[str, Any]


def join(pinned: Bom, installed: Bom, lock: dict[str, Any]) -> Bom:
    """Return the bill of materials of the pinned packages and of those in a package-lock.json that are copied from."""
    found = {component["purl"]: component for component in installed["components"]}
    if missing := sorted(component["purl"] for component in pinned["components"] if component["purl"] not in found):
        raise SystemExit(f"sbom: not installed as pinned: {', '.join(missing)}. Run scripts/setup run.")
    components = []
    for pin in pinned["components"]:
        component = found[pin["purl"]]
        component.pop("properties", None)  # which extras of installed packages asked for it: tests may add some
        component["externalReferences"] = component.get("externalReferences", []) + pin["externalReferences"]
        components.append(component)
    assets = [describe_asset(name, lock["packages"][f"node_modules/{name}"]) for name in list_assets(lock)]
    kept = {component["bom-ref"] for component in components}
    root = installed["metadata"]["component"]["bom-ref"]
    dependencies = [
        {"ref": each["ref"], "dependsOn": [ref for ref in each.get("dependsOn", []) if ref in kept]}
        for each in installed["dependencies"]
        if each["ref"] in kept | {root}
    ]
    for each in dependencies:
        if each["ref"] == root:
            each["dependsOn"] += [asset["bom-ref"] for asset in assets]
    dependencies += [{"ref": asset["bom-ref"], "dependsOn": []} for asset in assets]
    return {**installed, "components": components + assets, "dependencies": dependencies}


def list_assets(lock: dict[str, Any]) -> list[str]:
    """Return the packages that were asked for. Of what these would need in addition, nothing is copied."""
    return sorted(lock["packages"][""]["dependencies"])


def describe_asset(name: str, package: dict[str, str]) -> dict[str, Any]:
    """Return the component of a package in a package-lock.json, with the hash that it must have."""
    algorithm, _dash, digest = package["integrity"].partition("-")
    purl = f"pkg:npm/{name}@{package['version']}"
    return {
        "bom-ref": purl,
        "hashes": [{"alg": algorithm.replace("sha", "SHA-"), "content": base64.b64decode(digest).hex()}],
        "licenses": [{"license": {"acknowledgement": "declared", "id": package["license"]}}],
        "name": name,
        "purl": purl,
        "type": "data" if name == "world-atlas" else "library",
        "version": package["version"],
    }


def main() -> None:
    """Print the bill of materials for the three files that are named."""
    bom = join(*(json.loads(Path(file).read_text(encoding="utf-8")) for file in sys.argv[1:4]))
    print(json.dumps(bom, indent=2, sort_keys=True, ensure_ascii=False))


main()
