"""Optimizer, schedule, epoch loop, checkpoints."""
