"""``dnsearch init``: a commented spec to start from."""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("spec.yaml"),
    preset: Annotated[str, typer.Option(help="Which preset to start from.")] = "starter",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented YAML spec to start from.

    Example: [cyan]dnsearch init spec.yaml[/cyan]
    """
    from dnsearch.errors import Problem, SpecError
    from dnsearch.spec import presets
    from dnsearch.spec.complaints import did_you_mean

    content = presets.content(preset)
    if not content:
        hint = did_you_mean(preset, presets.names()).removeprefix("; ")
        raise SpecError([Problem("--preset", "expected a preset's name", hint=hint)])
    if file.exists() and not force:
        raise SpecError(
            [
                Problem(
                    str(file),
                    "expected a new file, and this one exists",
                    hint="Choose another name, or overwrite it with --force.",
                )
            ]
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise SpecError(
            [Problem(str(file), f"expected a place that can be written to: {error.strerror}")]
        ) from None
    console.say(f"wrote {file}\nnext: dnsearch check {file}; dnsearch inspect {file}; dnsearch train {file}")
