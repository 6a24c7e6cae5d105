"""Opens a page in the browser: drop pictures, see what `examine` shows of each.

    python -m pipeline.app

Prints the address of the page, which is of this machine alone, and answers until Ctrl-C. The first tab shows
of each picture what examine writes, to be read there and downloaded; the second judges many and sorts them by
suspicion. What is dropped is deleted when the page ends; nothing of it leaves the machine, no font and no
script comes from elsewhere.
"""

import ipaddress
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import usage
from pipeline.errors import UserError
from pipeline.stage import plain_errors
from pipeline.storage import local_path

if TYPE_CHECKING:  # --help answers at once
    from fastapi import FastAPI

    from pipeline.images.files import Limits

_EXTRA = "the page needs Gradio: pip install fake-image-detection[app]"
_MIB = 64.0  # of an upload: a 100-megapixel JPEG has about 40


def main() -> None:
    """Parse the command line and answer until Ctrl-C."""
    parser = usage.parser(__doc__)
    usage.add_detector_options(parser)
    parser.add_argument("--port", type=int, default=7860, help="0: any that is free (7860)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--let-others-in", action="store_true", help="allow a --host that other machines reach"
    )
    parser.add_argument("--max-mib", type=float, default=_MIB, metavar="MIB", help=f"of an upload ({_MIB:g})")
    parser.add_argument(
        "--max-megapixels",
        type=float,
        default=250.0,
        metavar="N",
        help="of a picture, as of convert (250)",
    )
    parser.add_argument("--max-gib", type=float, default=4.0, metavar="GIB", help="of its pixels (4)")
    asked = parser.parse_args()
    from pipeline.images.files import Limits

    with plain_errors():
        check_host(asked.host, asked.let_others_in)
        models = local_path(asked.models, "--models")
        with (
            tempfile.TemporaryDirectory(prefix="fakes-app-") as folder,
            _bound(asked.host, asked.port) as bound,
        ):
            app = make_app(
                models,
                Path(folder),
                false_alarms=asked.false_alarms,
                max_mib=asked.max_mib,
                limits=Limits(asked.max_megapixels, asked.max_gib, set_by="--"),
                only_here=not asked.let_others_in,
            )
            host = f"[{asked.host}]" if ":" in asked.host else asked.host
            print(f"http://{host}:{bound.getsockname()[1]}  (Ctrl-C ends it)", flush=True)
            _answer(app, bound)
    sys.exit(0)


def check_host(host: str, others: bool) -> None:
    """Raise UserError for a host that other machines reach, unless they are to be let in.

    >>> check_host("127.0.0.1", False)
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not others:
        raise UserError(
            f"--host {host} is no loopback address: whoever reaches this machine could send pictures "
            "and read what others sent, for the page has no password. Leave --host out, or add "
            "--let-others-in where something before it decides who comes in"
        )


def make_app(
    models: Path,
    folder: Path,
    *,
    false_alarms: float | None = None,
    max_mib: float = _MIB,
    limits: "Limits | None" = None,
    only_here: bool = True,
) -> "FastAPI":
    """Return the page as an ASGI application.

    Args:
        models: folder of the detector.
        folder: for what is uploaded and the pages made of it.
        false_alarms: rate of false alarms; None: that of the detector.
        max_mib: of an upload.
        limits: of a picture; None: those of `convert`.
        only_here: whether it is asked for by a name of this machine alone.

    Raises:
        UserError: there is no detector, or no Gradio.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # looked at when it is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    from pipeline.detector.detector import Detector
    from pipeline.images.files import LIMITS
    from pipeline.web.desk import Desk

    detector = Detector.load(models, false_alarms)
    try:
        from pipeline.web.page import mounted
    except ImportError as error:
        raise UserError(_EXTRA) from error
    return mounted(Desk(detector, folder / "pages", limits or LIMITS), max_mib, only_here)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens before its address is told; raise UserError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except (OSError, OverflowError) as error:
        bound.close()
        raise UserError(
            f"--port {port} of {host} cannot be used: {error}; name another, or 0 for any"
        ) from error
    return bound


def _answer(app: "FastAPI", bound: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main()
