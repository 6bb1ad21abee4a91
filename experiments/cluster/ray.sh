#!/usr/bin/env bash
# A study on a Ray cluster: one task for each trial, wherever there is room.
#
# Before:   ray start --head            on one machine, and
#           ray start --address=HEAD:6379   on each of the others, with dnsearch[ray,postgres] installed on all
# Run:      STORAGE=postgresql+psycopg://me@db/studies experiments/cluster/ray.sh SPEC
# Checked:  by bash -n; its command is run by make test-scale on a cluster of two nodes, both on one machine
set -euo pipefail

: "${STORAGE:?URL of the PostgreSQL database}"

exec dnsearch tune "$1" --engine ray --address auto --storage "$STORAGE" \
  --runs "${RUNS:-$HOME/runs}" --workers "${WORKERS:-16}" --plain
