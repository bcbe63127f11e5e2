"""Write tickets.csv: synthetic messages, with commas, quotes and umlauts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

ROWS = 1_200
URGENT = ["is down", "lost all data", "nobody can log in", "payment fails", "blocked since Monday"]
CALM = ["how do I", "thank you for", "please change my", "a question about", "could you explain"]
THINGS = ["the invoice", "my account", "the shop", 'the "old" report', "an export, again", "Zürich"]
ENDINGS = [
    "please help",
    "best regards",
    "see the attachment",
    "since the last update",
    "for all users",
]
random = np.random.default_rng(5)
with Path(__file__).with_name("tickets.csv").open("w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["message", "urgent"])
    for number in range(ROWS):
        urgent = random.uniform() < 0.35
        sounds_urgent = urgent if random.uniform() < 0.9 else not urgent
        words = [random.choice(THINGS), random.choice(URGENT if sounds_urgent else CALM)]
        random.shuffle(words)
        text = f"Ticket {number}: {words[0]} {words[1]}, {random.choice(ENDINGS)}"
        writer.writerow([text, "yes" if urgent else "no"])
