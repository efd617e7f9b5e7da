# METADATA
# title: Calendar
# description: >-
#   Swedish civil dates as text (2026-12-18), because the routine speaks in days and text of this shape compares as time
#   does. Pure functions. ("2006-01-02" is how Go writes the layout of a date.)
package readonly_guard.calendar

# METADATA
# description: >-
#   Whether a value is a date as text. A text that is none stops one engine with an error and leaves the other
#   undefined; either way it is a denial, and the schema of the data finds it before.
is_date(value) if {
	is_string(value)
	time.format([time.parse_ns("2006-01-02", value), "UTC", "2006-01-02"]) == value
}

# METADATA
# description: The Swedish date at an instant, given in nanoseconds since 1970.
date_at(instant) := time.format([instant, "Europe/Stockholm", "2006-01-02"])

# METADATA
# description: The date so many days later.
date_after(date, days) := time.format([later, "UTC", "2006-01-02"]) if {
	later := time.add_date(time.parse_ns("2006-01-02", date), 0, 0, days)
}

# METADATA
# description: How many days the second date is later than the first.
days_between(first, second) := (time.parse_ns("2006-01-02", second) - time.parse_ns("2006-01-02", first)) / _day

_day := ((24 * 3600) * 1000) * 1000000

# METADATA
# description: >-
#   The instant at which a date begins in Sweden, RFC 3339 in UTC. Midnight there is one or two hours ahead of UTC, and
#   never both: summer time begins and ends at 01:00 UTC.
start_of(date) := time.format([instant, "UTC", "2006-01-02T15:04:05Z07:00"]) if {
	some hours_ahead in [1, 2]
	instant := time.parse_ns("2006-01-02", date) - (((hours_ahead * 3600) * 1000) * 1000000)
	time.clock([instant, "Europe/Stockholm"]) == [0, 0, 0]
}
