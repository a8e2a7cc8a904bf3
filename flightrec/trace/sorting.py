"""Sorting with the order among equals that Go's reader gets.

Go's reader sorts Ms and CPU samples by timestamp with ``slices.SortFunc``, which is not stable,
and timestamps often are equal. To show events in the same order, equals must end up where that
leaves them: this is pattern-defeating quicksort (Orson Peters, arXiv:2106.05123) with the choices
that Go makes where the paper leaves them open. It runs only where it makes a difference.
"""

from __future__ import annotations

from typing import Final, TypeVar

__all__ = ["sort_by_time"]

T = TypeVar("T")

# Go's choices.
_SMALL: Final = 12  # Up to this many are sorted by insertion, which is stable.
_NINTHER: Final = 50  # From this many on the pivot is a median of three medians.
_SHIFT: Final = 50  # From this many on a few elements out of place are put right.
_MAX_SHIFTS: Final = 5
_WORD: Final = (1 << 64) - 1


def sort_by_time(items: list[T], times: list[int]) -> None:
    """Sort ``items`` in place by ``times``, one for each, as Go's ``slices.SortFunc`` would."""
    size = len(items)
    order = sorted(range(size), key=times.__getitem__)
    if size > _SMALL and len(set(times)) < size:
        order = _Sorting(times).run()
    items[:] = [items[i] for i in order]


class _Sorting:
    """One sorting: ``order`` has the indexes of the elements as they stand so far."""

    def __init__(self, times: list[int]) -> None:
        self.keys = list(times)
        self.order = list(range(len(times)))

    def run(self) -> list[int]:
        size = len(self.keys)
        self._sort(0, size, size.bit_length())
        return self.order

    def _swap(self, i: int, j: int) -> None:
        keys, order = self.keys, self.order
        keys[i], keys[j] = keys[j], keys[i]
        order[i], order[j] = order[j], order[i]

    def _sort(self, low: int, high: int, bad_allowed: int) -> None:
        keys = self.keys
        balanced = partitioned = True
        while high - low > _SMALL:
            if bad_allowed == 0:
                self._heap(low, high)
                return
            if not balanced:
                self._scatter(low, high)
                bad_allowed -= 1
            pivot, ascending = self._pivot(low, high)
            if ascending is False:
                for i in range((high - low) // 2):
                    self._swap(low + i, high - 1 - i)
                pivot = high - 1 - (pivot - low)
                ascending = True
            if balanced and partitioned and ascending and self._nearly_sorted(low, high):
                return
            if low > 0 and not keys[low - 1] < keys[pivot]:
                # Nothing is less than the pivot, so those that equal it are done with.
                low = self._split_equal(low, high, pivot)
                continue
            middle, partitioned = self._split(low, high, pivot)
            left, right = middle - low, high - middle
            least = (high - low) // 8
            # The smaller part first, by recursion; the larger one stays in this loop.
            if left < right:
                balanced = left >= least
                self._sort(low, middle, bad_allowed)
                low = middle + 1
            else:
                balanced = right >= least
                self._sort(middle + 1, high, bad_allowed)
                high = middle
        self._insertion(low, high)

    def _insertion(self, low: int, high: int) -> None:
        part = sorted(range(low, high), key=self.keys.__getitem__)  # As stable as insertion.
        self.keys[low:high], self.order[low:high] = (
            [self.keys[i] for i in part],
            [self.order[i] for i in part],
        )

    def _heap(self, low: int, high: int) -> None:
        size = high - low
        for root in range((size - 1) // 2, -1, -1):
            self._sink(root, size, low)
        for end in range(size - 1, -1, -1):
            self._swap(low, low + end)
            self._sink(0, end, low)

    def _sink(self, root: int, size: int, low: int) -> None:
        keys = self.keys
        while (child := 2 * root + 1) < size:
            if child + 1 < size and keys[low + child] < keys[low + child + 1]:
                child += 1
            if not keys[low + root] < keys[low + child]:
                return
            self._swap(low + root, low + child)
            root = child

    def _scatter(self, low: int, high: int) -> None:
        """Move three elements from the middle to elsewhere, to break up a bad pattern."""
        size = high - low
        noise = size
        mask = (1 << size.bit_length()) - 1
        first = low + size // 4 * 2 - 1
        for i in range(first, first + 3):
            noise ^= noise << 13 & _WORD
            noise ^= noise >> 7
            noise ^= noise << 17 & _WORD
            other = noise & mask
            self._swap(i, low + (other - size if other >= size else other))

    def _pivot(self, low: int, high: int) -> tuple[int, bool | None]:
        """A pivot, and whether the elements looked at ascend (None: neither up nor down)."""
        size = high - low
        quarter = size // 4
        picks = [low + quarter, low + 2 * quarter, low + 3 * quarter]
        swaps = 0
        if size >= _NINTHER:
            for n, pick in enumerate(picks):
                picks[n], more = self._median(pick - 1, pick, pick + 1)
                swaps += more
        middle, more = self._median(*picks)
        swaps += more
        # Go asks for the swaps of all four medians even where there is only one.
        return middle, True if swaps == 0 else False if swaps == 12 else None

    def _median(self, a: int, b: int, c: int) -> tuple[int, int]:
        """The index of the median of three elements, and how many swaps would sort them."""
        keys, swaps = self.keys, 0
        if keys[b] < keys[a]:
            a, b, swaps = b, a, swaps + 1
        if keys[c] < keys[b]:
            b, c, swaps = c, b, swaps + 1
        if keys[b] < keys[a]:
            a, b, swaps = b, a, swaps + 1
        return b, swaps

    def _nearly_sorted(self, low: int, high: int) -> bool:
        """Put a few elements right if that is all it takes; whether it was."""
        keys = self.keys
        at = low + 1
        for _ in range(_MAX_SHIFTS):
            while at < high and not keys[at] < keys[at - 1]:
                at += 1
            if at == high:
                return True
            if high - low < _SHIFT:
                return False
            self._swap(at, at - 1)
            if at - low >= 2:
                down = at - 1
                while down >= 1 and keys[down] < keys[down - 1]:
                    self._swap(down, down - 1)
                    down -= 1
            if high - at >= 2:
                up = at + 1
                while up < high and keys[up] < keys[up - 1]:
                    self._swap(up, up - 1)
                    up += 1
        return False

    def _split_equal(self, low: int, high: int, pivot: int) -> int:
        """Bring what equals the pivot to the front; where the rest begins."""
        keys = self.keys
        self._swap(low, pivot)
        i, j = low + 1, high - 1
        while True:
            while i <= j and not keys[low] < keys[i]:
                i += 1
            while i <= j and keys[low] < keys[j]:
                j -= 1
            if i > j:
                return i
            self._swap(i, j)
            i += 1
            j -= 1

    def _split(self, low: int, high: int, pivot: int) -> tuple[int, bool]:
        """Part by the pivot; where it ends up, and whether nothing had to be moved."""
        keys = self.keys
        self._swap(low, pivot)
        i, j = low + 1, high - 1
        untouched = True
        while True:
            while i <= j and keys[i] < keys[low]:
                i += 1
            while i <= j and not keys[j] < keys[low]:
                j -= 1
            if i > j:
                self._swap(j, low)
                return j, untouched
            self._swap(i, j)
            untouched = False
            i += 1
            j -= 1
