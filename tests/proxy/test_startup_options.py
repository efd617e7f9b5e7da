"""The `options` of a startup packet, read by the guard and by the real server: what the guard lets in means the same."""

from __future__ import annotations

import random
import struct

from readonly_guard.sql.session_settings import split_options

WORDS = [
    "-c", "-c ", "-cgeqo=off", "-c geqo=off", "--geqo=off", "--work-mem=1MB", "-c work_mem=2MB", "-c work-mem=3MB",
    "-cDateStyle=ISO", "-c  geqo=on", "-c\tgeqo=off", r"-c application_name=a\ b", r"-c application_name=a\\b",
    r"-c\ geqo=off", r"\-c geqo=off", "-c application_name=", "-c application_name=x=y", "--application-name=a-b",
    "-c application_name='q q'", r"-c application_name=\'q", "-c application_name=é", "-c geqo", "--geqo", "-e", "-s",
    "--", "-", "x", "-c --geqo=off", "-c -cgeqo=off", "\\", r"-c application_name=x" + "\\", "-c work_mem=1MB -c work_mem=4MB",
    "-d 1", "-F", "-S 1000", "--single", "-c readonly_guard.purpose=TREAT", "--readonly-guard.purpose=HSTAT", "\v-c geqo=off",
    "-cgeqo=off-c", "-c ge qo=off", "\n--geqo=off\n", "-C", "-c=geqo", "--=x", "-p geqo=off",
]  # fmt: skip
SHOWN = ["geqo", "work_mem", "application_name", "datestyle", "readonly_guard.purpose"]


async def _shown(client, pg) -> list[str]:
    """The settings in force; the session ends."""
    fields = ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in SHOWN)
    await client.ask(pg.query(f"select {fields}"))
    row, at, shown = client.rows[-1], 2, []
    for _ in SHOWN:
        (size,) = struct.unpack_from("!i", row, at)
        shown.append(row[at + 4 : at + 4 + size].decode())
        at += 4 + size
    client.send(pg.BYE)
    await client.close()
    return shown


async def test_what_the_guard_reads_is_what_the_server_does(client_class, pg, postgres) -> None:
    chance = random.Random(5)
    mixed = [chance.choice(["", " ", "  "]).join(chance.choices(WORDS, k=chance.randint(2, 4))) for _ in range(100)]
    same = refused = 0
    for options in WORDS + mixed:
        try:
            settings = split_options(options)
        except ValueError:
            refused += 1
            continue
        client = await client_class.connect(postgres)
        client.send(pg.startup(user="postgres", database="postgres", options=options))
        if not (await client.until_ready()).endswith("Z(I)"):
            continue  # the server knows no such setting, or not the value
        plain = await (await client_class.connect(postgres)).login()
        for name, value in settings:
            quoted = value.replace("'", "''")
            await plain.ask(pg.query(f"select set_config('{name}', '{quoted}', false)"))
        assert await _shown(client, pg) == await _shown(plain, pg), options
        same += 1
    assert same > 25
    assert refused > 25
