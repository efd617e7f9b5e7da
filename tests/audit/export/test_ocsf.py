"""Against the class and the objects as the schema defines them (ocsf-schema, version 1.3.0): what is required is there."""

REQUIRED = {
    "activity_id",
    "actor",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "src_endpoint",
    "time",
    "type_uid",
}
ACTIVITIES = {1: "Read", 2: "Update", 3: "Connect", 4: "Query", 5: "Write", 6: "Create", 7: "Delete"}


def test_every_event_has_what_the_class_requires(events):
    found = events("ocsf")

    assert len(found) == 5
    for event in found:
        assert event.keys() >= REQUIRED
        assert event["category_uid"] == 6
        assert event["class_uid"] == 6005
        assert event["type_uid"] == 600500 + event["activity_id"]
        assert ACTIVITIES[event["activity_id"]] == event["activity_name"]
        assert event["metadata"].keys() >= {"product", "version"}
        assert event["database"]["type_id"] == 1
        assert event["query_info"]["query_string"]
        assert event["src_endpoint"].keys() & {"ip", "name"}
        assert event["actor"]["user"]["uid"]


def test_activities_and_status(events):
    assert [(event["activity_name"], event["status"], event["severity_id"]) for event in events("ocsf")] == [
        ("Read", "Success", 1),
        ("Delete", "Failure", 3),
        ("Read", "Success", 1),
        ("Read", "Success", 1),
        ("Update", "Failure", 3),
    ]


def test_time_is_in_milliseconds(events):
    assert events("ocsf")[0]["time"] == 1772352900000
