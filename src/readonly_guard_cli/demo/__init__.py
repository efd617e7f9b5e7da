"""The demo: a real PostgreSQL with a synthetic Millennium in it, and the policy data of the people who work there.

Needs the ``demo`` extra; importing this without it says so in a ConfigurationError.
"""

from readonly_guard_cli.demo.millennium import SEED, generate
from readonly_guard_cli.demo.planted import PLANTED
from readonly_guard_cli.demo.roster import DEMO_VALID_TO, NOT_LISTED, policy_data, write_policy_data
from readonly_guard_cli.demo.server import EmbeddedServer
from readonly_guard_cli.demo.staff import PERSONAS, STAFF, Employee
from readonly_guard_cli.demo.store import Checksum, DemoDatabase, changed, checksums, install, load
from readonly_guard_cli.demo.tables import WINDOW_END, WINDOW_START, Dataset, PlantedRow

__all__ = [
    "DEMO_VALID_TO",
    "NOT_LISTED",
    "PERSONAS",
    "PLANTED",
    "SEED",
    "STAFF",
    "WINDOW_END",
    "WINDOW_START",
    "Checksum",
    "Dataset",
    "DemoDatabase",
    "EmbeddedServer",
    "Employee",
    "PlantedRow",
    "changed",
    "checksums",
    "generate",
    "install",
    "load",
    "policy_data",
    "write_policy_data",
]
