"""The files for clusters: as far as a machine that is none can check them."""

import re
import subprocess
from pathlib import Path

import yaml

from dnsearch.cli.main import loaded

FOLDER = Path(__file__).parents[2] / "experiments" / "cluster"
TUNE = {option for parameter in loaded("tune").params for option in parameter.opts}

# Field names of KubeRay's API (docs.ray.io, ray.io/v1), as far as the file uses them.
JOB = {"entrypoint", "entrypointNumCpus", "shutdownAfterJobFinishes", "backoffLimit", "rayClusterSpec"}
CLUSTER = {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
CONTAINER = {"name", "image", "resources", "volumeMounts"}


def options(text: str) -> set[str]:
    return set(re.findall(r"--[a-z]+", text))


def test_the_slurm_script_is_one_for_bash_and_names_real_options():
    script = FOLDER / "slurm_ray.sh"
    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    (command,) = re.findall(r"^  dnsearch tune .*(?:\\\n.*)*", script.read_text(encoding="utf-8"), re.M)
    assert "--executor ray" in command
    assert options(command) <= TUNE


def test_slurm_reads_its_settings_before_the_first_command():
    lines = (FOLDER / "slurm_ray.sh").read_text(encoding="utf-8").splitlines()
    settings = [number for number, line in enumerate(lines) if line.startswith("#SBATCH --")]
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert settings
    assert max(settings) < first


def test_the_ray_job_has_the_fields_that_kuberay_knows():
    job = yaml.safe_load((FOLDER / "kuberay.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"], job["spec"].keys()) == ("ray.io/v1", "RayJob", JOB)
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster.keys() == CLUSTER
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert set(group) <= GROUP
        for container in group["template"]["spec"]["containers"]:
            assert set(container) <= CONTAINER
    assert options(job["spec"]["entrypoint"]) <= TUNE
    assert "--executor ray --address auto" in job["spec"]["entrypoint"]
