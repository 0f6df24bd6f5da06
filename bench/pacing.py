"""Measures the delay of text and the refused calls with many threads, in simulated time."""

from bench.run import Measurement, Run
from bench.simulated_discord import TURN_SECONDS, Outcome, Scheduled, Timers
from bench.statistics import Against, Figure, percentile

REQUESTS = 50.0
"""Requests a second of one bot (Discord, Rate Limits)."""

BURST_SECONDS = 5.0

BOUND = "what Discord's limits allow"
NAIVE = "a timer in each thread"


async def _measure(run: Run) -> list[Figure]:
    figures: list[Figure] = []
    counts = run.choose((1, 10, 100, 500, 1000), (1, 10, 100))
    for number, threads in enumerate(counts):
        run.progress.step("threads simulated", number, len(counts))
        burst, spread = Scheduled(threads, BURST_SECONDS).run(), Scheduled(threads, TURN_SECONDS).run()
        naive = Timers(threads, BURST_SECONDS).run()
        figures += _figures(threads, burst, spread, naive)
    return figures


MEASUREMENT = Measurement("pacing", "Pacing (simulated)", _measure)


def _figures(threads: int, burst: Outcome, spread: Outcome, naive: Outcome) -> list[Figure]:
    name = f"{threads} thread{'s' if threads > 1 else ''}"
    period = max(1.0, threads / REQUESTS)
    late = max(0.0, threads / REQUESTS - BURST_SECONDS)
    how = f"turns of {TURN_SECONDS:.0f} s that begin within {BURST_SECONDS:.0f} s, 50 tokens a second each"
    of_naive = f"of {naive.calls} calls, by {NAIVE}"
    return [
        Figure(f"{name}: 429", burst.refused + spread.refused, "calls", f"of {burst.calls + spread.calls}"),
        Figure(f"{name}: 429, naive", naive.refused, "calls", of_naive),
        Figure(f"{name}: p50", percentile(burst.staleness, 50), "s", how, Against(BOUND, period * 0.5)),
        Figure(f"{name}: p99", percentile(burst.staleness, 99), "s", "the same", Against(BOUND, period * 0.99)),
        Figure(f"{name}: p50, naive", percentile(naive.staleness, 50), "s", NAIVE, Against(BOUND, period * 0.5)),
        Figure(f"{name}: p99, naive", percentile(naive.staleness, 99), "s", NAIVE, Against(BOUND, period * 0.99)),
        Figure(f"{name}: first p99", percentile(burst.first, 99), "s", "from its writing", Against(BOUND, late)),
        Figure(f"{name}: final p99", percentile(burst.final, 99), "s", "after the end", Against(BOUND, late)),
        Figure(f"{name}: final p99, naive", percentile(naive.final, 99), "s", NAIVE, Against(BOUND, late)),
        Figure(f"{name}: final p99, spread", percentile(spread.final, 99), "s", "begun within 60 s"),
    ]
