package readonly_guard.calendar_test

test_a_date_is_a_date if data.readonly_guard.calendar.is_date("2024-02-29")

test_null_is_no_date if not data.readonly_guard.calendar.is_date(null)

test_a_number_is_no_date if not data.readonly_guard.calendar.is_date(20240229)

test_a_date_without_zeros_is_no_date if not data.readonly_guard.calendar.is_date("2024-2-29")

test_the_day_turns_at_swedish_midnight_in_winter if {
	data.readonly_guard.calendar.date_at(time.parse_rfc3339_ns("2026-12-18T22:59:59.999999Z")) == "2026-12-18"
	data.readonly_guard.calendar.date_at(time.parse_rfc3339_ns("2026-12-18T23:00:00Z")) == "2026-12-19"
}

test_the_day_turns_at_swedish_midnight_in_summer if {
	data.readonly_guard.calendar.date_at(time.parse_rfc3339_ns("2026-06-30T21:59:59Z")) == "2026-06-30"
	data.readonly_guard.calendar.date_at(time.parse_rfc3339_ns("2026-06-30T22:00:00Z")) == "2026-07-01"
}

test_days_are_counted_over_months_years_and_leap_days if {
	data.readonly_guard.calendar.date_after("2026-12-18", 30) == "2027-01-17"
	data.readonly_guard.calendar.date_after("2028-02-28", 1) == "2028-02-29"
	data.readonly_guard.calendar.date_after("2026-12-18", 0) == "2026-12-18"
	data.readonly_guard.calendar.days_between("2026-09-19", "2026-12-18") == 90
	data.readonly_guard.calendar.days_between("2026-03-28", "2026-03-30") == 2
	data.readonly_guard.calendar.days_between("2026-12-18", "2026-12-17") == -1
}

test_a_day_begins_at_the_instant_of_its_season if {
	data.readonly_guard.calendar.start_of("2026-12-19") == "2026-12-18T23:00:00Z"
	data.readonly_guard.calendar.start_of("2026-07-01") == "2026-06-30T22:00:00Z"
}

test_a_day_of_clock_change_begins_by_the_old_time_and_the_next_by_the_new if {
	data.readonly_guard.calendar.start_of("2026-03-29") == "2026-03-28T23:00:00Z"
	data.readonly_guard.calendar.start_of("2026-03-30") == "2026-03-29T22:00:00Z"
	data.readonly_guard.calendar.start_of("2026-10-25") == "2026-10-24T22:00:00Z"
	data.readonly_guard.calendar.start_of("2026-10-26") == "2026-10-25T23:00:00Z"
}
