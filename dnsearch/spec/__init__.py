"""YAML → frozen, validated values; every problem with its place."""
