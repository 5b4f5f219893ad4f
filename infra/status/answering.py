"""Whether the service and Airflow answer, and what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.status.row import Row
from segue.settings import get_settings

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 1.0


def service() -> Row:
    """The service by its own word: which release it serves, and which one it refuses although the pointer asks for it."""
    settings = get_settings()
    address = f"http://{settings.serve_host}:{settings.serve_port}"
    answer = _get(f"{address}/readyz")
    if answer is None:
        return Row("service", "not running", f"nothing at {address}: `segue serve`")
    said = _object(answer)
    facts = {name: said.get(name) for name in ("release", "refused", "reason", "error")}
    about = [address] + [f"release {facts['release']}"] * bool(facts["release"])
    if facts["refused"]:
        about.append(f"refuses {facts['refused']}: {facts['reason']}")
    elif facts["error"]:
        about.append(str(facts["error"]))
    value = "ready" if answer.is_success else "not ready"
    wrong = value if not answer.is_success else f"refuses {facts['refused']}" if facts["refused"] else None
    return Row("service", value, ", ".join(about), facts=facts, wrong=wrong)


def airflow() -> Row:
    """Airflow by its own word: healthy when no part of it calls itself unhealthy."""
    address = f"http://127.0.0.1:{get_settings().airflow_port}"
    answer = _get(f"{address}/api/v2/monitor/health")
    if answer is None:
        return Row("Airflow", "not running", f"nothing at {address}: `make demo`")
    if answer.is_success and '"unhealthy"' not in answer.text:
        return Row("Airflow", "healthy", address)
    return Row("Airflow", "not healthy", address, wrong="not healthy")


def _get(address: str) -> httpx.Response | None:
    """The answer of `address`, None when nobody listens there."""
    import httpx

    try:
        return httpx.get(address, timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return None


def _object(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer; empty when it is none, as from a server that is not ours."""
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
