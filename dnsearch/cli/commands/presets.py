"""``dnsearch presets``: the specs that come with dnsearch."""

from dnsearch.cli import console
from dnsearch.cli.options import Json


def presets(as_json: Json = False) -> None:
    """List the presets: source, parameters, multiply-adds, published result.

    Example: [cyan]dnsearch presets[/cyan]
    """
    from dnsearch.board.presets import Listed, preset_json, preset_table
    from dnsearch.cli.planning import planned
    from dnsearch.spec import presets as known

    listed = []
    for name in known.names():
        about, costs = known.about(name), planned(name, ()).budget.summary.cost
        listed.append(Listed(name, about.title, about.source, about.published, costs.trainable, costs.macs))
    if as_json:
        console.show_json(preset_json(listed))
    else:
        console.show(preset_table(listed))
