"""What the administrator of the lab in the browser has set, for the tests and the pictures of the documentation."""

import json
from typing import Any, Final

from nbargo_local.demo.place import Place

LARGE: Final = {"cpu": "2", "memory": "8Gi"}
_SETTINGS: Final[dict[str, Any]] = {
    "ArgoScheduler": {"compute_types": {"Small": {"cpu": "500m", "memory": "1Gi"}, "Large": LARGE}}
}


def write(place: Place) -> None:
    """Write Jupyter's configuration file for the lab of a place."""
    path = place.root / "config/jupyter_server_config.json"
    path.write_text(json.dumps(_SETTINGS), encoding="utf-8")
