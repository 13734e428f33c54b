"""Command line: workers of a service on all machines of a Ray cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from evolution import arguments
from luts import cli


def main(
    *,
    ray: Annotated[str, typer.Option(metavar="ADDRESS", help="Ray cluster, such as "
                                     "10.0.0.1:6379; local starts one on this machine. Needs the "
                                     "extra 'scale'.")],
    device: Annotated[
        str, typer.Option(help="cpu: a worker for each machine; cuda: one for each GPU.")
    ] = "cpu",
    server: Annotated[
        str, typer.Option(help="URL of the service, as the cluster's machines reach it.")
    ] = "http://127.0.0.1:8080",
    token: arguments.WorkerToken = None,
    work: Annotated[
        str, typer.Option(help="Folder of jobs on each machine; ~ is the home folder there.")
    ] = "~/metronas-work",
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds for which workers await an absent server.")
    ] = 86400.0,
) -> None:
    """Keeps a worker for each device of a Ray cluster, until it is stopped.

    Each takes trainings, searches and measurements as any worker does, and holds its device in Ray,
    too. One whose machine is lost is hired again when the machine is back, and machines that join
    get theirs. Ctrl-C gives the jobs back to the queue.

    For instance:

        python -m evolution.cluster --ray 10.0.0.1:6379 --device cuda --server http://queue:8080

        python -m evolution.cluster --ray local
    """
    import re
    import signal

    from evolution.pools.ray import open_ray
    from evolution.service.logs import log_as_json
    from evolution.service.worker.crew import Crew
    from evolution.service.worker.link import check_server
    from evolution.service.worker.ray_hiring import RayHiring
    from luts.errors import UserError

    if not re.fullmatch(r"cpu|cuda", device):
        raise UserError(f"--device '{device}' must be cpu or cuda: all of the cluster's are taken")
    check_server(server)
    opened = open_ray(ray)
    log_as_json()
    crew = Crew(RayHiring(opened, {"server": server, "patience": str(patience)}, work,
                          {} if token is None else {"METRONAS_TOKEN": token}), device)

    def stop(*_: object) -> None:
        crew.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        crew.run()
    finally:
        opened.shutdown()


if __name__ == "__main__":
    cli.run(main)
