"""The files for clusters: as far as a machine that is none can check them. Part of ``make test``, too."""

import re
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from dnsearch.cli.main import app

FOLDER = Path(__file__).parents[2] / "experiments" / "cluster"
COMMANDS = typer.main.get_command(app).commands

# Field names of Kubernetes' API (kubernetes.io/docs/reference), as far as the file uses them.
CONTAINER = {"name", "image", "command", "args", "env", "envFrom", "ports", "volumeMounts", "resources"}
SPECS = {
    "Service": {"selector", "ports"},
    "StatefulSet": {"serviceName", "replicas", "selector", "template", "volumeClaimTemplates"},
    "Job": {"parallelism", "completions", "backoffLimit", "template"},
}


def options(text: str, command: str) -> None:
    known = {each for parameter in COMMANDS[command].params for each in parameter.opts}
    assert set(re.findall(r"--[a-z]+", text)) <= known


@pytest.mark.parametrize("name", ["slurm.sh", "ray.sh"])
def test_a_script_is_one_for_bash(name):
    checked = subprocess.run(["bash", "-n", FOLDER / name], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("name", "command"), [("slurm.sh", "worker"), ("ray.sh", "tune")])
def test_a_script_names_real_options(name, command):
    text = (FOLDER / name).read_text(encoding="utf-8")
    (line,) = re.findall(rf"^exec dnsearch {command} .*(?:\\\n.*)*", text, re.M)
    options(line, command)


def test_slurm_reads_its_settings_before_the_first_command():
    lines = (FOLDER / "slurm.sh").read_text(encoding="utf-8").splitlines()
    settings = [number for number, line in enumerate(lines) if line.startswith("#SBATCH --")]
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert settings
    assert max(settings) < first


def test_the_job_has_the_fields_that_kubernetes_knows():
    documents = list(yaml.safe_load_all((FOLDER / "job.yaml").read_text(encoding="utf-8")))
    assert [each["kind"] for each in documents] == list(SPECS)
    for each in documents:
        assert set(each) == {"apiVersion", "kind", "metadata", "spec"}
        assert set(each["spec"]) <= SPECS[each["kind"]]
        for container in each["spec"].get("template", {}).get("spec", {}).get("containers", ()):
            assert set(container) <= CONTAINER
    worker = documents[-1]["spec"]["template"]["spec"]["containers"][0]
    assert worker["command"] == ["dnsearch", "worker"]
    options(" ".join(argument.partition("=")[0] for argument in worker["args"]), "worker")
