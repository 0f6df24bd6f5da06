"""The manifest for agents on Kubernetes agrees with the configuration that docs/machines.md gives with it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = list(yaml.safe_load_all((ROOT / "deploy/kubernetes-agents.yaml").read_text()))


def manifest(kind: str) -> Any:
    """Return the only one of a kind."""
    (found,) = (each for each in MANIFESTS if each["kind"] == kind)
    return found


def documented() -> Any:
    """Return the place of docs/machines.md that is on Kubernetes."""
    blocks = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/machines.md").read_text(), re.MULTILINE | re.DOTALL)
    (place,) = (tomllib.loads(block)["places"]["cluster"] for block in blocks if "[places.cluster]" in block)
    return place


def test_all_of_it_is_in_the_namespace_that_the_page_names() -> None:
    """Nothing outside is touched."""
    name = manifest("Namespace")["metadata"]["name"]
    assert {each["metadata"].get("namespace", name) for each in MANIFESTS} == {name}
    assert documented()["namespace"] == name


def test_the_volume_of_the_page_is_the_one_that_is_made() -> None:
    """It is mounted where the agent works, keeps its home, and gets people's files."""
    place = documented()
    (volume,) = place["pod"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == manifest("PersistentVolumeClaim")["metadata"]["name"]
    (container,) = place["pod"]["containers"]
    (mount,) = container["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert place["files"].startswith(f"{mount['mountPath']}/")
    assert {each["name"]: each["value"] for each in container["env"]}["HOME"].startswith(f"{mount['mountPath']}/")


def test_the_bots_account_gets_the_role_and_the_role_is_about_pods_alone() -> None:
    """No secrets, no other kinds."""
    account, role, binding = map(manifest, ("ServiceAccount", "Role", "RoleBinding"))
    assert [each["name"] for each in binding["subjects"]] == [account["metadata"]["name"]]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    resources = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert {resource.partition("/")[0] for resource in resources} == {"pods"}
    assert "*" not in {verb for rule in role["rules"] for verb in rule["verbs"]}
