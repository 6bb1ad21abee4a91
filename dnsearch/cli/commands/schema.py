"""``dnsearch schema``: the format of a spec."""

from typing import Annotated

import typer

from dnsearch.cli import console


def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A reference to read, instead of JSON.")
    ] = False,
) -> None:
    """Print the JSON Schema of a spec, for editors that complete and check YAML.

    Example: [cyan]dnsearch schema > dnsearch.schema.json[/cyan]
    """
    from dnsearch.spec.reference import markdown_reference
    from dnsearch.spec.schema import json_schema

    if markdown:
        console.raw(markdown_reference())
    else:
        console.show_json(json_schema())
