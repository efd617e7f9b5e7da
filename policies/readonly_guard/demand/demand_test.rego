package readonly_guard.demand_test

import data.readonly_guard.testing

_made(word) if data.readonly_guard.demand.is_made("relation") with data.demands as testing.demands({"relation": word})

_strict(word) if data.readonly_guard.demand.is_strict("relation") with data.demands as testing.demands({"relation": word})

test_never_rests if {
	not _made("never")
	not _strict("never")
}

test_known_denies_what_is_known if {
	_made("known")
	not _strict("known")
}

test_always_denies_what_is_not_known if {
	_made("always")
	_strict("always")
}

test_another_word_counts_as_always if {
	every word in [null, "", "sometimes", true, ["known"]] {
		_made(word)
		_strict(word)
	}
}

test_no_word_counts_as_always if {
	data.readonly_guard.demand.is_made("relation") with data.demands as {}
	data.readonly_guard.demand.is_strict("relation") with data.demands as {}
}
