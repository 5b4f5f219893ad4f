"""Airflow's own settings for one machine, written to `SEGUE_HOME/airflow/airflow.cfg`, and the secrets it needs, made once.

Everything listens on 127.0.0.1, examples are off, tasks run two at a time. A cluster brings its own `airflow.cfg`.
"""

from __future__ import annotations

import base64
import configparser
import io
import json
import secrets
from pathlib import Path
from typing import Any

from segue.atomic import replacing_file
from segue.home import Home
from segue.stored import json_object, read_stored

HOST = "127.0.0.1"
USER = "admin"
TASKS_AT_ONCE = 2
DAGS = Path(__file__).resolve().parents[2] / "dags"


def password_file(home: Home) -> Path:
    return home.secrets / "airflow-password.json"


def password(home: Home) -> str:
    """The password of `admin` on Airflow's page, made on first use; only this user can read its file."""
    path = password_file(home)
    if not path.exists():
        _write_private(path, json.dumps({USER: secrets.token_urlsafe(12)}))
    return str(_kept(path)[USER])


def write_configuration(home: Home, port: int) -> None:
    """Write `airflow.cfg` for an API server on `port`; secrets stay the same from run to run."""
    password(home)
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read_dict(_sections(home, port))
    home.airflow.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    configuration.write(text)
    _write_private(home.airflow / "airflow.cfg", text.getvalue())


def _sections(home: Home, port: int) -> dict[str, dict[str, str]]:
    address = f"http://{HOST}:{port}"
    keys = _keys(home)
    return {
        "core": {
            "dags_folder": str(DAGS),
            "load_examples": "False",
            "executor": "LocalExecutor",
            "parallelism": str(TASKS_AT_ONCE),
            "dags_are_paused_at_creation": "False",
            # A changed port needs this too: tasks would call home at 8080.
            "execution_api_server_url": f"{address}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": str(password_file(home)),
            "fernet_key": keys["fernet"],
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home.airflow / 'airflow.db'}"},
        "api": {"host": HOST, "port": str(port), "base_url": address, "workers": "1", "secret_key": keys["session"]},
        "api_auth": {"jwt_secret": keys["token"]},
        "logging": {"base_log_folder": str(home.airflow / "logs"), "colored_console_log": "False"},
        "dag_processor": {"parsing_processes": "1", "min_file_process_interval": "300"},
    }


def _keys(home: Home) -> dict[str, str]:
    path = home.secrets / "airflow-keys.json"
    if not path.exists():
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        keys = {"fernet": fernet, "session": secrets.token_urlsafe(32), "token": secrets.token_urlsafe(64)}
        _write_private(path, json.dumps(keys))
    return _kept(path)


def _kept(path: Path) -> dict[str, Any]:
    return read_stored(path, json_object, what="secrets of Airflow") or {}


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        temporary.write_text(text + "\n")
