"""The page at `/`: what the service does, to see and to play with; nothing in it comes from elsewhere."""

import gzip
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

CHARTS: Final = "/page/plotly.min.js"
_SCRIPT: Final = "text/javascript"
_FILES: Final = Path(__file__).parents[1] / "web"
# plotly.js puts rules into a style element that is empty at first, and styles maps that the page has not.
_STYLES_OF_CHARTS: Final = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
)
_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' {' '.join(_STYLES_OF_CHARTS)}",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for again each time, and mostly answered 304
}


async def _harden(response: Response) -> None:
    response.headers.update(_HEADERS)


router = APIRouter(include_in_schema=False, dependencies=[Depends(_harden)])
router.frontend("/", directory=_FILES, fallback=None)


@router.get(CHARTS)
def charts(request: Request) -> Response:
    """plotly.js as its Python package ships it; compressed, 1.5 MB instead of 4.8, for whoever can read that."""
    plotly = distribution("plotly")
    tag = f'"{plotly.version}"'
    headers = {**_HEADERS, "ETag": tag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    script = Path(str(plotly.locate_file("plotly/package_data/plotly.min.js")))
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_compressed(script), media_type=_SCRIPT, headers={**headers, "Content-Encoding": "gzip"})
    return FileResponse(script, media_type=_SCRIPT, headers=headers)


@cache
def _compressed(script: Path) -> bytes:
    return gzip.compress(script.read_bytes())
