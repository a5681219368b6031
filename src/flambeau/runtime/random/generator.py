"""The CPU generator: a Mersenne Twister whose words and saved bytes are PyTorch's.

NumPy's MT19937 steps the same recurrence over the same 624 words, so it serves as the engine; this module
seeds it as PyTorch does (Knuth's initialisation from the low 32 bits of the seed) and translates its state
to and from the 5056 bytes of ``torch.get_rng_state()``.
"""

from __future__ import annotations

import ctypes
import secrets
import sys

import numpy as np

from . import native, words

DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056
_WORDS = 624
_HIGH_WORD_FIRST = -1 if sys.byteorder == "little" else 1  # how the halves of 64 bits lie in memory
_ENGINE_BYTES = 4 * (_WORDS + 1)  # NumPy's engine in memory: the words, and the place in them

# PyTorch's saved state: a plain C structure, kept since its first versions.
_STATE_LAYOUT = np.dtype(
    {
        "names": [
            "seed", "left", "seeded", "next", "words", "normal", "normal_valid", "normal32", "normal32_valid",
        ],
        "formats": [
            "<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS), "<f8", "<i4", "<f4", "u1",
        ],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": STATE_BYTES,
    }
)


class Generator:
    """A source of pseudo-random words, with the public face of ``torch.Generator`` on the CPU.

    Args:
        device: only ``"cpu"``; anything else raises RuntimeError.

    A new generator starts from PyTorch's fixed default seed, 67280421310721.
    """

    def __init__(self, device: str = "cpu") -> None:
        if str(device).split(":")[0] != "cpu":
            raise RuntimeError(f"Generator: expected the device 'cpu', but got {str(device)!r}")
        self.device = "cpu"
        self._bits = np.random.MT19937(0)
        self._address = self._bits.ctypes.state_address
        # Box-Muller makes normals in pairs: the second waits here for the next call.
        self.next_normal: float | None = None
        # PyTorch's state has room for a float32 one too; no CPU operator uses it, but saved states carry it.
        self._next_normal32: np.float32 | None = None
        self._seed_engine(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Restart from ``seed``, an integer in [-2**63, 2**64); a negative one stands for ``seed + 2**64``.

        Returns the generator itself. Raises RuntimeError for what is not an integer and ValueError for an
        integer out of range.
        """
        if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("manual_seed: Overflow when unpacking long long, got " + str(seed))
        self._seed_engine(int(seed) % 2**64)
        return self

    def seed(self) -> int:
        """Restart from a seed taken from the operating system, and return it (53 bits, as in PyTorch)."""
        seed = secrets.randbits(53)
        self._seed_engine(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed this generator was last started from."""
        return self._initial_seed

    def get_state_array(self) -> np.ndarray:
        """The whole state as 5056 bytes (uint8), byte for byte those of ``torch.Generator.get_state``."""
        engine = self._bits.state["state"]
        state = np.zeros((), dtype=_STATE_LAYOUT)
        state["seed"] = self._initial_seed
        state["left"] = _WORDS + 1 - engine["pos"]
        state["seeded"] = 1
        state["next"] = engine["pos"] if engine["pos"] < _WORDS else self._next_when_exhausted
        state["words"] = engine["key"]
        if self.next_normal is not None:
            state["normal"], state["normal_valid"] = self.next_normal, 1
        if self._next_normal32 is not None:
            state["normal32"], state["normal32_valid"] = self._next_normal32, 1
        return np.frombuffer(state.tobytes(), dtype=np.uint8).copy()

    def set_state_array(self, state: np.ndarray) -> Generator:
        """Continue from ``state``, the 5056 bytes of ``get_state_array`` or of PyTorch's ``get_state``.

        Raises TypeError when it is not an array of uint8, RuntimeError when its size or contents are not
        those of a generator's state.
        """
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} "
                f"but found the input RNG state size to be {state.size}"
            )
        fields = np.frombuffer(state.tobytes(), dtype=_STATE_LAYOUT)[0]
        left, next_word = int(fields["left"]), int(fields["next"])
        # Before the first word of a block `next` is unused: any value may stand there.
        consistent = left == 1 or next_word == _WORDS + 1 - left
        if fields["seeded"] != 1 or not 0 < left <= _WORDS or next_word > _WORDS or not consistent:
            raise RuntimeError("Invalid mt19937 state")
        self._initial_seed = int(fields["seed"])
        self._set_engine(fields["words"].astype(np.uint32), _WORDS + 1 - left, next_word)
        self.next_normal = float(fields["normal"]) if fields["normal_valid"] else None
        self._next_normal32 = np.float32(fields["normal32"]) if fields["normal32_valid"] else None
        return self

    def clone_state(self) -> Generator:
        """A new generator that continues exactly as this one would."""
        return Generator(self.device).set_state_array(self.get_state_array())

    def mark(self) -> tuple[bytes, int]:
        """The place in the sequence of words, for ``rewind``; far quicker than the whole state."""
        return ctypes.string_at(self._address, _ENGINE_BYTES), self._next_when_exhausted

    def rewind(self, mark: tuple[bytes, int]) -> None:
        """Go back to where ``mark`` was called."""
        engine, self._next_when_exhausted = mark
        ctypes.memmove(self._address, engine, _ENGINE_BYTES)

    def random32(self, count: int) -> np.ndarray:
        """The next ``count`` words of the engine, as uint32."""
        if count == 0:
            return np.empty(0, dtype=np.uint32)
        self._next_when_exhausted = _WORDS
        return self._words(count)

    def random64(self, count: int) -> np.ndarray:
        """``count`` numbers of 64 bits, each made of two words, the high one first, as uint64."""
        if count == 0:
            return np.empty(0, dtype=np.uint64)
        self._next_when_exhausted = _WORDS
        halves = self._words(2 * count)
        return np.ascontiguousarray(halves.reshape(count, 2)[:, ::_HIGH_WORD_FIRST]).view(np.uint64).reshape(count)

    def _words(self, count: int) -> np.ndarray:
        if not native.available:
            return self._bits.random_raw(count).astype(np.uint32)
        result = np.empty(count, np.uint32)
        words.fill(self._address, result)
        return result

    def __repr__(self) -> str:
        return f"<flambeau Generator device={self.device} seed={self._initial_seed}>"

    def __reduce__(self) -> tuple:
        return _restore, (self.get_state_array(),)

    def _seed_engine(self, seed: int) -> None:
        words = np.random.RandomState(seed & 0xFFFFFFFF).get_state(legacy=False)["state"]["key"]
        self._initial_seed = seed
        self._set_engine(words, _WORDS, 0)
        self.next_normal = None
        self._next_normal32 = None

    def _set_engine(self, words: np.ndarray, position: int, next_when_exhausted: int) -> None:
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": position}}
        self._next_when_exhausted = next_when_exhausted


def _restore(state: np.ndarray) -> Generator:
    return Generator().set_state_array(state)


default_generator = Generator()
default_generator.seed()
