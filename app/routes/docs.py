"""OpenAPI made readable, from files of our own: no request leaves the service."""

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

ASSETS = "/docs/assets"


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Every route, to read and to try."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Iris",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
        swagger_ui_parameters={"tryItOutEnabled": True},
    )
