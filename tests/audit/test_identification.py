"""What is looked up when, and what is recorded of it; with registers that know what they are told."""

import msgspec
import pytest

from readonly_guard.audit import Identities, Journal, PatientIdentification, read, verify
from readonly_guard.audit.chains import PATIENTS
from readonly_guard.domain import Entry, IdentificationRecord
from readonly_guard.errors import ConfigurationError, LogUnavailable


class Register:
    """Knows some patients, and remembers what it was asked."""

    def __init__(self, **known):
        self.known = {f"person_id:{key.removeprefix('p')}": value for key, value in known.items()}
        self.asked = []
        self.failure = None
        self.is_closed = False

    async def identify(self, patients):
        self.asked.append(list(patients))
        if self.failure is not None:
            raise self.failure
        return {patient: self.known[patient] for patient in patients if patient in self.known}

    async def close(self):
        self.is_closed = True


@pytest.fixture
def entries(decision, completion):
    def make(*patients):
        return [
            Entry(seq=1, hash="a", record=decision(1, patients=patients), chain="journal"),
            Entry(seq=2, hash="b", record=completion(1), chain="journal"),
        ]

    return make


def found(path):
    return [
        (entry.record.patient, entry.record.identifiers, entry.record.source)
        for entry in read(path / PATIENTS)
        if isinstance(entry.record, IdentificationRecord)
    ]


async def test_each_key_is_asked_about_once_and_recorded(tmp_path, entries, clock):
    register = Register(p7=["191212121212", "19121212RN01"])
    sink = PatientIdentification(tmp_path, [("one", register)], clock=clock)
    await sink.deliver(entries("person_id:7", "person_id:8", "person_id:7"))
    await sink.deliver(entries("person_id:8", "person_id:9"))
    await sink.close()

    assert register.asked == [["person_id:7", "person_id:8"], ["person_id:9"]]
    assert found(tmp_path) == [
        ("person_id:7", ("191212121212", "19121212RN01"), "one"), ("person_id:8", (), ""), ("person_id:9", (), ""),
    ]  # fmt: skip
    assert register.is_closed


@pytest.mark.parametrize("patient", ["person_id:?", "alias:$1", "*:?", "*:23"])
async def test_what_stands_for_no_patient_is_not_asked_about(tmp_path, entries, clock, patient):
    register = Register()
    sink = PatientIdentification(tmp_path, [("one", register)], clock=clock)
    await sink.deliver(entries(patient))
    await sink.close()

    assert register.asked == []


async def test_the_next_register_is_asked_for_what_the_one_before_does_not_know(tmp_path, entries, clock):
    one, other = Register(p7=["191212121212"]), Register(p7=["never"], p8=["199001012391"])
    sink = PatientIdentification(tmp_path, [("one", one), ("other", other)], clock=clock)
    await sink.deliver(entries("person_id:7", "person_id:8"))
    await sink.close()

    assert other.asked == [["person_id:8"]]
    assert found(tmp_path) == [("person_id:7", ("191212121212",), "one"), ("person_id:8", ("199001012391",), "other")]


async def test_after_a_day_it_is_asked_again_and_a_change_is_recorded(tmp_path, entries, clock):
    register = Register(p7=["19121212RN01"], p8=["199001012391"])
    sink = PatientIdentification(tmp_path, [("one", register)], clock=clock)
    await sink.deliver(entries("person_id:7", "person_id:8"))
    clock.pass_by(days=1)
    register.known["person_id:7"] = ["191212121212"]
    await sink.deliver(entries("person_id:7", "person_id:8"))
    await sink.close()

    assert [item[:2] for item in found(tmp_path)] == [
        ("person_id:7", ("19121212RN01",)), ("person_id:8", ("199001012391",)), ("person_id:7", ("191212121212",)),
    ]  # fmt: skip
    known = Identities.of_journal(tmp_path)
    assert known.shown(["person_id:7"]) == ("191212121212",)
    assert known.keys_of("19121212RN01") == known.keys_of("191212121212") == {"person_id:7"}


async def test_what_stays_the_same_is_recorded_once_a_year(tmp_path, entries, clock):
    register = Register(p7=["191212121212"])
    for _ in range(4):
        sink = PatientIdentification(tmp_path, [("one", register)], clock=clock)  # a restart learns from the chain
        await sink.deliver(entries("person_id:7"))
        await sink.close()
        clock.pass_by(days=183)

    assert len(register.asked) == 4
    assert len(found(tmp_path)) == 2


async def test_what_a_register_cannot_tell_now_is_asked_again(tmp_path, entries, clock):
    register = Register(p7=["191212121212"])
    register.failure = OSError("away")
    sink = PatientIdentification(tmp_path, [("one", register)], clock=clock)
    with pytest.raises(OSError, match="away"):
        await sink.deliver(entries("person_id:7"))
    await sink.close()
    register.failure = None
    await sink.deliver(entries("person_id:7"))
    await sink.close()

    assert [item[0] for item in found(tmp_path)] == ["person_id:7"]


async def test_what_cannot_be_recorded_is_not_known(tmp_path, entries, clock, monkeypatch):
    register = Register(p7=["191212121212"])
    sink = PatientIdentification(tmp_path, [("one", register)], clock=clock)
    await sink.deliver(entries())
    chain = tmp_path / PATIENTS
    chain.rename(tmp_path / "elsewhere")
    with pytest.raises(LogUnavailable, match="is gone"):
        await sink.deliver(entries("person_id:7"))
    (tmp_path / "elsewhere").rename(chain)
    await sink.close()
    await sink.deliver(entries("person_id:7"))
    await sink.close()

    assert [item[0] for item in found(tmp_path)] == ["person_id:7"]


@pytest.mark.parametrize("identifier", ["", "x" * 65, "1912\n1212", 191212121212, "\x1b[2J"])
async def test_what_is_no_identifier_is_not_recorded(tmp_path, entries, clock, identifier):
    sink = PatientIdentification(tmp_path, [("one", Register(p7=[identifier]))], clock=clock)
    with pytest.raises(ConfigurationError, match="plugin one: an identifier"):
        await sink.deliver(entries("person_id:7"))
    await sink.close()

    assert found(tmp_path) == []


async def test_the_chain_is_signed_as_soon_as_it_holds_something(tmp_path, entries, clock, signing_key):
    sink = PatientIdentification(tmp_path, [("one", Register())], signing_key=signing_key, clock=clock)
    await sink.deliver(entries("person_id:7"))
    checked = verify(tmp_path / PATIENTS)

    assert (checked.ok, checked.signed.seq, checked.head.seq) == (True, 1, 2)
    await sink.close()


def test_a_log_that_never_looked_anything_up_knows_nothing(tmp_path, completion):
    with Journal.open(tmp_path) as journal:
        journal.append(completion(1))

    assert Identities.of_journal(tmp_path).shown(["person_id:7", "person_id:7", "*:3"]) == ("person_id:7", "*:3")


def test_several_keys_of_one_patient_are_one_patient():
    record = IdentificationRecord(time="t", patient="person_id:7", identifiers=("191212121212",), source="one")
    known = Identities([record, msgspec.structs.replace(record, patient="encntr_id:70")])

    assert known.shown(["person_id:7", "encntr_id:70", "encntr_id:71"]) == ("191212121212", "encntr_id:71")
    assert known.keys_of("191212121212") == {"person_id:7", "encntr_id:70"}
