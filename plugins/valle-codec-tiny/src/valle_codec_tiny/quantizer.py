"""Residual vector quantization with codebooks learned by exponential moving averages."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

DECAY = 0.98
DEAD = 0.03
"""A code whose smoothed count per step falls below this counts as dead and moves to a vector that was seen."""


SPARES = 16
"""Vectors kept of each level and step for codes that died."""


class Seen(NamedTuple):
    """What a batch tells the codebooks: how often each code was chosen, the sums of its vectors, some vectors."""

    counts: Float[Tensor, "Q V"]
    sums: Float[Tensor, "Q V d"]
    spares: Float[Tensor, "Q S d"]


def nearest(x: Float[Tensor, "M d"], book: Float[Tensor, "V d"]) -> Int[Tensor, "M"]:
    """Index of the closest vector by Euclidean distance."""
    return (book.square().sum(1) - 2 * x @ book.T).argmin(1)


class ResidualQuantizer(nn.Module):
    """`levels` codebooks of `size` vectors; each quantizes what the ones before it left over."""

    books: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, levels: int, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("books", torch.zeros(levels, size, width))
        self.register_buffer("counts", torch.ones(levels, size))
        self.register_buffer("sums", torch.zeros(levels, size, width))

    def encode(self, z: Float[Tensor, "M d"]) -> Int[Tensor, "M Q"]:
        """Greedy search, level by level."""
        residual, codes = z, []
        for book in self.books:
            index = nearest(residual, book)
            residual = residual - book[index]
            codes.append(index)
        return torch.stack(codes, dim=1)

    def lookup(self, codes: Int[Tensor, "*B L"]) -> Float[Tensor, "*B d"]:
        """Sum of the vectors of the first L levels."""
        return sum((self.books[level][codes[..., level]] for level in range(codes.shape[-1])), start=torch.zeros(()))

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "M d"], generator: torch.Generator, rounds: int = 12) -> None:
        """k-means, level by level."""
        residual = z
        for level in range(self.books.shape[0]):
            book = kmeans(residual, self.books.shape[1], generator, rounds)
            self.books[level] = book
            self.sums[level] = book
            self.counts[level] = 1.0
            residual = residual - book[nearest(residual, book)]

    def forward(
        self, z: Float[Tensor, "B T d"], levels: Int[Tensor, "B"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "B T d"], Float[Tensor, ""], Seen]:
        """Training: straight-through sum of the first `levels[b]` levels of row b, and the commitment loss.

        The codebooks stay as they are; `learn` moves them by what was seen.
        """
        B, T, d = z.shape
        Q, V, _ = self.books.shape
        flat = z.reshape(B * T, d)
        use = levels.repeat_interleave(T)[:, None]
        residual = flat.detach()
        total = torch.zeros_like(residual)
        commitment = z.new_zeros(())
        seen = Seen(torch.zeros(Q, V), torch.zeros(Q, V, d), torch.zeros(Q, SPARES, d))
        for level in range(Q):
            index = nearest(residual, self.books[level])
            chosen = self.books[level][index]
            active = (use > level).to(z)
            total = total + chosen * active
            commitment = commitment + ((flat - total).square() * active).mean()
            seen.counts[level] = torch.bincount(index, minlength=V)
            seen.sums[level].index_add_(0, index, residual)
            seen.spares[level] = residual[torch.randint(len(residual), (SPARES,), generator=generator)]
            residual = residual - chosen
        quantized = flat + (total - flat).detach()
        return quantized.reshape(B, T, d), commitment / Q, seen

    def first(self, z: Float[Tensor, "B T d"]) -> Float[Tensor, "B T d"]:
        """The vectors of the first level alone, straight through."""
        book = self.books[0]
        chosen = book[nearest(z.detach().flatten(0, 1), book)].view_as(z)
        return z + (chosen - z).detach()

    @torch.no_grad()
    def learn(self, seen: Seen) -> None:
        """One step of the moving average."""
        self.counts.mul_(DECAY).add_(seen.counts, alpha=1 - DECAY)
        self.sums.mul_(DECAY).add_(seen.sums, alpha=1 - DECAY)
        self.place()

    @torch.no_grad()
    def place(self) -> None:
        """The codebooks from the moving averages."""
        torch.div(self.sums, self.counts[..., None].clamp(min=1e-6), out=self.books)

    @torch.no_grad()
    def revive(self, spares: Float[Tensor, "Q S d"]) -> None:
        """Put codes that died on vectors that were seen."""
        level, code = (self.counts < DEAD).nonzero(as_tuple=True)
        if len(level):
            self.sums[level, code] = spares[level, code % SPARES]
            self.counts[level, code] = 1.0
        self.place()


def kmeans(x: Float[Tensor, "M d"], size: int, generator: torch.Generator, rounds: int) -> Float[Tensor, "V d"]:
    """Lloyd's algorithm from random vectors; an empty cluster restarts on a random vector."""
    book = x[torch.randperm(len(x), generator=generator)[:size]].clone()
    if len(book) < size:
        book = torch.cat([book, x[torch.randint(len(x), (size - len(book),), generator=generator)]])
    for _ in range(rounds):
        index = nearest(x, book)
        counts = torch.bincount(index, minlength=size).to(x)
        sums = torch.zeros_like(book).index_add_(0, index, x)
        empty = counts == 0
        book = sums / counts.clamp(min=1)[:, None]
        book[empty] = x[torch.randint(len(x), (int(empty.sum()),), generator=generator)]
    return book
