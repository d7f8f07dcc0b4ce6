"""Measure how fast and how reliably one name is screened against a list of 50,000, and how long it takes to build the index.

Some names are altered versions of names on the list (tests/test_risk_models/company_names.py), with a typing error, a suffix, a
different order, a missing space, or all of these. The others are not on the list. The exit status is 1 if the 99th percentile is
above 5 ms, if less than 98% of listed names are found, or if more than 1% of unlisted names match.
"""

import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from risk_models.screening.matching import ListedParty, Party, WatchlistIndex
from tests.test_risk_models.company_names import CHANGES, make_names

ENTRIES, TRIED = 50_000, 2_000
MOST, LEAST, BY_CHANCE = 5.0, 0.98, 0.01  # longest time in ms, smallest share found, largest share matched by chance


def time_screening(watchlist: WatchlistIndex, name: str) -> tuple[float, set[str]]:
    """Screen a name, and return how many milliseconds it takes and the keys of the entries it matches."""
    start = time.perf_counter()
    matches = watchlist.screen([Party("site", (name,), ("TH",))])
    return 1000 * (time.perf_counter() - start), {match.key for match in matches}


def main() -> int:
    """Print a line for each kind of change, and return the exit status, which is 1 if a limit is exceeded."""
    listed, rng = make_names(ENTRIES), random.Random(4)
    start = time.perf_counter()
    watchlist = WatchlistIndex(
        ListedParty(str(position), "company", (name,), ("TH",)) for position, name in enumerate(listed)
    )
    print(f"{ENTRIES:,} entries were indexed in {time.perf_counter() - start:.1f} s\n")
    print("change           found   median ms   p99 ms    max ms")
    within_limits = True
    for change, make in CHANGES.items():
        positions = [rng.randrange(ENTRIES) for _ in range(TRIED)]
        results = [time_screening(watchlist, make(listed[i], rng)) for i in positions]
        found = sum(str(i) in keys for i, (_, keys) in zip(positions, results, strict=True)) / TRIED
        times = sorted(ms for ms, _ in results)
        p99 = times[len(times) * 99 // 100]
        print(f"{change:<15} {found:>6.3f} {statistics.median(times):>11.2f} {p99:>8.2f} {times[-1]:>9.2f}")
        within_limits &= found >= LEAST and p99 <= MOST
    others = [name for name in make_names(TRIED, seed=99) if name not in set(listed)]
    matched = sum(bool(time_screening(watchlist, name)[1]) for name in others) / len(others)
    print(f"\n{matched:.2%} of {len(others):,} unlisted names match an entry")
    return 0 if within_limits and matched <= BY_CHANCE else 1


if __name__ == "__main__":
    sys.exit(main())
