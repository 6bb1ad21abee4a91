"""A table of very many runs is cut; what a program reads is not."""


def test_a_table_of_very_many_runs_is_cut_and_says_so(dnsearch, run_folder, tmp_path):
    for number in range(1001):
        run_folder(tmp_path / "runs" / f"run-{number:04d}", number / 2000)
    short = dnsearch("leaderboard")
    assert short.out.count("run-") == 1000
    assert "run-0000" not in short.out, "the best are shown"
    assert short.err.endswith("1,000 of 1,001 runs; --top 1001 or --csv shows all\n")
    assert dnsearch("leaderboard", "--csv").out.count("run-") == 1001
    whole = dnsearch("leaderboard", "--top", "1001")
    assert (whole.out.count("run-"), whole.err) == (1001, "")
