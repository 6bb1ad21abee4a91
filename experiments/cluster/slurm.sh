#!/usr/bin/env bash
# Workers of one study as a Slurm array: each element is a `dnsearch worker`, on a node of its own choice.
#
# Before:   dnsearch tune SPEC --study "$STUDY" --storage "$STORAGE" --trials 500 --create
# Run:      sbatch --export=ALL,STUDY=small,STORAGE=postgresql+psycopg://me@db/studies experiments/cluster/slurm.sh
# Checked:  by bash -n and a run of its worker line; never by a Slurm here
#
#SBATCH --job-name=dnsearch
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --gpus-per-task=1
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=dnsearch-%A_%a.log
set -euo pipefail

: "${STUDY:?name of the study}" "${STORAGE:?URL of the PostgreSQL database}"

# The runs lie on a folder that all nodes share. Without one, make the study with --artifacts and use a local disk.
exec dnsearch worker --study "$STUDY" --storage "$STORAGE" --runs "${RUNS:-$HOME/runs}" --plain
