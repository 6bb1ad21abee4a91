"""optuna-dashboard on a study: a page in the browser, for this machine alone."""

import optuna_dashboard

from dnsearch.errors import Problem, StudyError
from dnsearch.study.book.storage import existing_study

HOST = "127.0.0.1"


def serve(url: str, name: str, port: int) -> None:
    """Show a study until Ctrl-C; the page has no password, so only this machine can open it.

    Args:
        url: the storage.
        name: the study's name.
        port: where to listen, from 1024 to 65535.

    Raises:
        StudyError: there is no such study, or the port is taken.
    """
    study = existing_study(url, name)
    try:
        optuna_dashboard.run_server(study._storage, host=HOST, port=port)
    except OSError as error:
        hint = "Another program listens there; name another one: --port 8081"
        raise StudyError(
            str(Problem(f"--port {port}", "a free port", error.strerror or str(error), hint))
        ) from error
