"""Starts everything the demo runs on, all on 127.0.0.1: the mailbox, Airflow and the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.airflow.components import COMPONENTS, MIGRATE
from infra.airflow.configuration import HOST, USER, password, write_configuration
from infra.demo.airflow_api import SERVER, AirflowApi, wait_until
from infra.demo.failure import DemoFailureError
from infra.demo.processes import Processes, free_port
from infra.demo.screen import Screen
from segue.home import Home
from segue.names import Dag
from segue.settings import get_settings

START_SECONDS = 180
REPOSITORY = Path(__file__).resolve().parents[2]
NOT_INHERITED = ("SEGUE_SMTP_USER", "SEGUE_SMTP_PASSWORD", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Ports:
    airflow: int
    service: int
    mailbox: int


def choose_ports(screen: Screen) -> Ports:
    """The ports of the settings, or others where something listens already, told in a sentence."""
    settings, chosen = get_settings(), list[int]()
    for name, wanted in (
        ("Airflow", settings.airflow_port),
        ("service", settings.serve_port),
        ("mailbox", settings.smtp_port),
    ):
        port = free_port(wanted, set(chosen))
        chosen.append(port)
        if port != wanted:
            screen.say(f"port {wanted} is taken: {name} takes {port}")
    return Ports(*chosen)


def environment(home: Home, ports: Ports, extra: Mapping[str, str]) -> dict[str, str]:
    """What every process of the demo gets: its home, its ports, no clocks, and a short wait before a retry.

    Nothing of an Airflow or a mail server that the caller uses otherwise: their settings win over the demo's own files. Nor
    a wish to write no bytecode: every stage is a process, and each would compile the same libraries anew.
    """
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home.airflow),
        "SEGUE_HOME": str(home.root),
        "SEGUE_AIRFLOW_PORT": str(ports.airflow),
        "SEGUE_SERVE_HOST": HOST,
        "SEGUE_SERVE_PORT": str(ports.service),
        "SEGUE_SERVICE_URL": f"http://{HOST}:{ports.service}",
        "SEGUE_SMTP_HOST": HOST,
        "SEGUE_SMTP_PORT": str(ports.mailbox),
        "SEGUE_SMTP_SECURITY": "none",
        "SEGUE_SCHEDULES": "false",
        "SEGUE_RETRY_SECONDS": "5",
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "NO_COLOR": "1",
    }
    kept = {name: v for name, v in os.environ.items() if not name.startswith("AIRFLOW_") and name not in NOT_INHERITED}
    return {**kept, **own, **extra}


class Platform:
    """The running processes and how to reach them."""

    def __init__(self, home: Home, screen: Screen, extra: Mapping[str, str]) -> None:
        self.home, self.screen, self.ports = home, screen, choose_ports(screen)
        self.processes = Processes(home.logs, environment(home, self.ports, extra))
        self.airflow = f"http://{HOST}:{self.ports.airflow}"
        self.service = f"http://{HOST}:{self.ports.service}"
        self.api = AirflowApi(self.airflow, USER, password(home), lambda: self.processes.tail(SERVER))

    def start(self) -> None:
        """Start everything and wait until it answers.

        Raises:
            DemoFailureError: a process ended, or does not answer in time; its log is inside.
        """
        mailbox = (sys.executable, "-m", "infra.mailbox", "--port", str(self.ports.mailbox), "--folder", str(self.home.mail))
        self.processes.start("mailbox", mailbox)
        self.processes.start("service", ("segue", "serve"))
        self.screen.status("Airflow: its database")
        write_configuration(self.home, self.ports.airflow)
        self.processes.run("airflow-migrate", MIGRATE)
        for name, command in COMPONENTS.items():
            self.processes.start(name, command)
        self.screen.status("Airflow: waiting for the scheduler")
        self._wait("airflow", self.api.ready)
        self.screen.status("Airflow: waiting for the DAGs")
        self._wait("dags", self._dags_known)
        self.screen.status("service: waiting for it")
        self._wait("service", self._service_lives)
        self.screen.say(f"Airflow at {self.airflow}, service at {self.service}, mailbox at {HOST}:{self.ports.mailbox}")

    def check(self) -> None:
        self.processes.check()

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        wait_until(what, done, seconds=START_SECONDS, check=self.check)

    def _dags_known(self) -> bool:
        if errors := self.api.import_errors():
            raise DemoFailureError("dags", "Airflow cannot read a DAG file", errors)
        return all(self.api.knows(dag.value) for dag in Dag)

    def _service_lives(self) -> bool:
        try:
            return httpx.get(f"{self.service}/livez", timeout=5).is_success
        except httpx.HTTPError:
            return False
