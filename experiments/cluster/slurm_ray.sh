#!/usr/bin/env bash
# A search on a Slurm allocation: Ray's head and the coordinator on the first node, Ray's nodes on the others.
#
# Before:   an environment with dnsearch[ray] on a disk that all nodes reach; the spec's data paths absolute
# Run:      sbatch --nodes=4 experiments/cluster/slurm_ray.sh SPEC [options of dnsearch tune]
# Again:    the same command goes on where a job that ran out of time has ended
# Checked:  by bash -n and its options; dnsearch tune --executor ray by make test-scale; never by a Slurm here
#
#SBATCH --job-name=dnsearch
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-task=1
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --output=dnsearch-%j.log
set -euo pipefail

spec="${1:?name of the spec}"
shift
port=6379
head="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
address="$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | cut -d' ' -f1):$port"

# Ray on every node: the head first, then the others, each until the job ends.
srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 15
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  others="$((SLURM_JOB_NUM_NODES - 1))"
  srun --nodes="$others" --ntasks="$others" --exclude="$head" --overlap \
    ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
  sleep 15
fi

srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  dnsearch tune "$spec" --executor ray --address "$address" --workers "${WORKERS:-$SLURM_JOB_NUM_NODES}" \
  --runs "${RUNS:-$HOME/runs}" --plain "$@"
