"""Measure that the search for personal data takes CPU time in proportion to the length of a text; README.md explains it."""

import sys
import time

from questionnaires.person_detection import detect_personal_data

UNITS = ("a.", "0", ".", " a", "@", "a@", "\u200b", "1234.56")
LENGTHS = (16_000, 32_000, 64_000, 128_000)
MOST_GROWTH = 2.0  # of the time for each character, from the shortest text to the longest; a quadratic search has 8


def measure(unit: str, length: int) -> float:
    """Return the CPU microseconds for each character of a text of this unit over and over, the least of three runs."""
    text = (unit * length)[:length]
    seconds = []
    for _ in range(3):
        start = time.process_time()
        detect_personal_data(text)
        seconds.append(time.process_time() - start)
    return min(seconds) / length * 1e6


def main() -> int:
    detect_personal_data("Heron")  # loads the lists
    print(f"{'CPU us per character':>22}", *(f"{length:>9,}" for length in LENGTHS))
    grows = False
    for unit in UNITS:
        figures = [measure(unit, length) for length in LENGTHS]
        grows |= figures[-1] > MOST_GROWTH * max(figures[0], 0.05)
        print(f"{unit!r:>22}", *(f"{figure:9.2f}" for figure in figures))
    return int(grows)


if __name__ == "__main__":
    sys.exit(main())
