"""What glasses are built of."""

from __future__ import annotations

from dataclasses import dataclass

from synthetic import mesh as m


@dataclass(frozen=True, slots=True)
class Part:
    """A mesh with the name of the material slot that it wears; lenses are labelled apart."""

    mesh: m.Mesh
    slot: str
    is_lens: bool = False

    @property
    def lens(self) -> int:
        """Which lens of the pair this is, 1 or 2; 0 for none. Slots of second lenses end in _2."""
        return int(self.is_lens) + int(self.is_lens and self.slot.endswith("_2"))
