"""The same prediction in bare ASGI: no validation, routing, metrics or errors; the most that Python could serve."""

import json
import os
from pathlib import Path
from typing import Any

from app.serving import ServingModel
from model.features import FEATURES
from model.store import Store

_store = Store(Path(os.environ["IRIS_ARTIFACTS"]))
_version = _store.current() or ""
_model = ServingModel(_version, _store.model(_version))
_HEADERS = [(b"content-type", b"application/json")]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    flower = json.loads(body)
    p = _model.predict(tuple(flower[feature] for feature in FEATURES))
    answer = json.dumps(
        {
            "species": p.species,
            "confidence": p.confidence,
            "scores": p.scores,
            "out_of_range": p.out_of_range,
            "model_version": p.model_version,
        }
    ).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [*_HEADERS, (b"content-length", b"%d" % len(answer))]}
    )
    await send({"type": "http.response.body", "body": answer})
