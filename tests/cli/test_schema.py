"""``dnsearch schema``."""

import json


def test_the_schema_is_json_that_an_editor_takes(dnsearch):
    ran = dnsearch("schema")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["$schema"].startswith("https://json-schema.org/")
    assert {"version", "network", "data", "training", "tune"} <= set(found["properties"])


def test_a_reference_to_read(dnsearch):
    ran = dnsearch("schema", "--markdown")
    assert (ran.code, ran.err) == (0, "")
    for field in ("growth_rate", "layers_per_block", "early_stopping", "trial_timeout_seconds"):
        assert f"- `{field}:" in ran.out
